"""A data set in memory, and as prepared on disk."""

import hashlib
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class PreparedData:
    """A data set on disk, ready for every backend.

    Attributes:
        path: the .npz file of a built-in data set; the folder of .npy files of a user's own data.
        name: the data set's name, or the stand-in's.
        source: "real", "embedded" or "own".
        digest: SHA-256 of the arrays.
        inputs: the names of the model's inputs, in order.
        classes: the first target's number of classes; None for values.
        train_examples, test_examples: the total numbers of examples.
        note: a warning for the user, such as the reason for a stand-in; may be empty.
        targets: each target's "name", "task" ("classification", "binary" or "regression") and number of "classes": None
            for values, and for several yes-or-no values in each row, whose task is "binary".
        weights: whether each example has a weight, in `train_weights` and `test_weights`.
    """

    path: str
    name: str
    source: str
    digest: str
    inputs: tuple[str, ...]
    classes: int | None
    train_examples: int
    test_examples: int
    note: str = ""
    targets: list[dict[str, Any]] = field(default_factory=list, hash=False)
    weights: bool = False
