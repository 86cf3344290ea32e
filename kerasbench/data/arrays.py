"""A data set in memory."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Arrays:
    """A data set as every backend receives it.

    Attributes:
        name: the name in tags: the data set's, or the stand-in's.
        inputs: the names of the inputs, in the order in which a model takes them.
        classes: the number of classes; labels are 0 .. classes - 1.
        parts: `train_<input>`, `test_<input>` (images uint8, tokens int32), `train_labels`, `test_labels`.
    """

    name: str
    inputs: tuple[str, ...]
    classes: int
    parts: dict[str, NDArray[Any]]

    def digest(self) -> str:
        """Return the SHA-256 of all arrays: names, dtypes, shapes and bytes."""
        content = hashlib.sha256()
        for name, array in sorted(self.parts.items()):
            content.update(f"{name}|{array.dtype.str}|{array.shape}|".encode())
            content.update(np.ascontiguousarray(array).data)
        return content.hexdigest()
