"""Reads the prepared data set: one .npz for all backends, the same bytes for each."""

from typing import Any, Dict, List, Optional, Tuple

import numpy as np

Array = Any  # a NumPy array; NumPy has no types of its own under Python 3.6


class Split(object):
    """The inputs (a list of arrays, one for each input of the model) and one-hot labels of one part of the data."""

    def __init__(self, inputs: List[Array], labels: Array) -> None:
        self.inputs = inputs
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)

    def reordered(self, order: Array) -> "Split":
        """Return the same examples in another order."""
        return Split([array[order] for array in self.inputs], self.labels[order])

    def part(self, start: int, stop: int) -> "Split":
        """Return the examples from `start` to `stop`."""
        return Split([array[start:stop] for array in self.inputs], self.labels[start:stop])

    @property
    def x(self) -> Any:
        """The inputs as `fit` wants them: an array for a model of one input, else a list."""
        return self.inputs[0] if len(self.inputs) == 1 else self.inputs


def load(spec: Dict[str, Any]) -> Tuple[Split, Split]:
    """Return the training and the test split that a request's `data` names.

    Images, kept as bytes, become float32 in [0, 1]; labels become one-hot rows of float32.
    """
    with np.load(spec["path"]) as arrays:
        return (
            _split(arrays, "train", spec["inputs"], spec["classes"], spec["train_samples"]),
            _split(arrays, "test", spec["inputs"], spec["classes"], spec["test_samples"]),
        )


def _split(arrays: Any, part: str, names: List[str], classes: int, samples: Optional[int]) -> Split:
    inputs = [_scaled(arrays["{}_{}".format(part, name)][:samples]) for name in names]
    labels = arrays["{}_labels".format(part)][:samples]
    return Split(inputs, np.eye(classes, dtype=np.float32)[labels])


def _scaled(array: Array) -> Array:
    if array.dtype == np.uint8:
        return array.astype(np.float32) / np.float32(255)
    return array
