"""A data set in memory."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Arrays:
    """A data set as every backend will see it.

    Attributes:
        name: what it is called in tags: the data set's name, or the stand-in's.
        inputs: the inputs' names, in the order in which a model takes them.
        classes: the number of classes; labels are 0 .. classes - 1.
        parts: `train_<input>`, `test_<input>` (images uint8, tokens int32), `train_labels`, `test_labels`.
    """

    name: str
    inputs: tuple[str, ...]
    classes: int
    parts: dict[str, NDArray[Any]]

    def digest(self) -> str:
        """Return a SHA-256 of all arrays: their names, types, shapes and bytes."""
        content = hashlib.sha256()
        for name, array in sorted(self.parts.items()):
            content.update(f"{name}|{array.dtype.str}|{array.shape}|".encode())
            content.update(np.ascontiguousarray(array).data)
        return content.hexdigest()
