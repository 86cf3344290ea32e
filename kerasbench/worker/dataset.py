"""Reads the prepared data set: one .npz file, the same bytes for every backend."""

from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from kerasbench.worker.augmentation import shift_and_flip

Array = Any  # a NumPy array; NumPy has no type annotations under Python 3.6


class Split(object):
    """One part of the data: the inputs (a list of arrays, one for each model input) and the one-hot labels."""

    def __init__(self, inputs: List[Array], labels: Array, channels_first: bool = False) -> None:
        self.inputs = inputs
        self.labels = labels
        self._channels_first = channels_first

    def __len__(self) -> int:
        return len(self.labels)

    def shifted_and_flipped(self, random: Any) -> "Split":
        """Return the same examples with augmented images."""
        if self._channels_first:
            inputs = [np.moveaxis(shift_and_flip(np.moveaxis(one, 1, 3), random), 3, 1) for one in self.inputs]
        else:
            inputs = [shift_and_flip(one, random) for one in self.inputs]
        return Split(inputs, self.labels, self._channels_first)

    def repeated(self, times: int) -> "Split":
        """Return the examples, repeated so many times."""
        tiled = [np.tile(array, (times,) + (1,) * (array.ndim - 1)) for array in [*self.inputs, self.labels]]
        return Split(tiled[:-1], tiled[-1], self._channels_first)

    def part(self, start: int, stop: int) -> "Split":
        """Return the examples from `start` to `stop`."""
        return Split([array[start:stop] for array in self.inputs], self.labels[start:stop], self._channels_first)

    @property
    def x(self) -> Any:
        """The inputs as `fit` expects them: an array for a model with one input, else a list."""
        return self.inputs[0] if len(self.inputs) == 1 else self.inputs


def load(spec: Dict[str, Any]) -> Tuple[Split, Split]:
    """Return the training and the test split that a request's `data` names.

    Images, stored as bytes with channels last, become float32 in [0, 1], channels first if the request says so.
    Labels become one-hot float32 rows.
    """
    with np.load(spec["path"]) as arrays:
        return _split(arrays, "train", spec), _split(arrays, "test", spec)


def _split(arrays: Any, part: str, spec: Dict[str, Any]) -> Split:
    samples: Optional[int] = spec["{}_samples".format(part)]
    inputs = [_scaled(arrays["{}_{}".format(part, name)][:samples]) for name in spec["inputs"]]
    if spec["channels_first"]:
        inputs = [np.ascontiguousarray(np.moveaxis(images, 3, 1)) for images in inputs]
    labels = arrays["{}_labels".format(part)][:samples]
    return Split(inputs, np.eye(spec["classes"], dtype=np.float32)[labels], spec["channels_first"])


def _scaled(array: Array) -> Array:
    if array.dtype == np.uint8:
        scaled = array.astype(np.float32)
        scaled /= np.float32(255)  # in place, to hold a large data set in memory only once
        return scaled
    return array
