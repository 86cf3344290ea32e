"""Reads the prepared data set: one .npz for all backends, the same bytes for each."""

from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from kerasbench.worker.augmentation import shift_and_flip

Array = Any  # a NumPy array; NumPy has no types of its own under Python 3.6


class Split(object):
    """The inputs (a list of arrays, one for each input of the model) and one-hot labels of one part of the data."""

    def __init__(self, inputs: List[Array], labels: Array, channels_first: bool = False) -> None:
        self.inputs = inputs
        self.labels = labels
        self._channels_first = channels_first

    def __len__(self) -> int:
        return len(self.labels)

    def empty(self) -> "Split":
        """Return as many examples of the same shapes, of any values."""
        arrays = [np.empty_like(array) for array in self.inputs]
        return Split(arrays, np.empty_like(self.labels), self._channels_first)

    def reorder_into(self, target: "Split", order: Array) -> None:
        """Copy the examples to another split, in another order: memory that is used again is faster than new."""
        for array, place in zip([*self.inputs, self.labels], [*target.inputs, target.labels]):
            np.take(array, order, axis=0, out=place, mode="clip")  # "raise" would make a copy of its own

    def shift_and_flip(self, random: Any) -> None:
        """Augment the images, in place."""
        for images in self.inputs:
            view = np.moveaxis(images, 1, 3) if self._channels_first else images
            view[...] = shift_and_flip(view, random)

    def part(self, start: int, stop: int) -> "Split":
        """Return the examples from `start` to `stop`."""
        return Split([array[start:stop] for array in self.inputs], self.labels[start:stop], self._channels_first)

    @property
    def x(self) -> Any:
        """The inputs as `fit` wants them: an array for a model of one input, else a list."""
        return self.inputs[0] if len(self.inputs) == 1 else self.inputs


def load(spec: Dict[str, Any]) -> Tuple[Split, Split]:
    """Return the training and the test split that a request's `data` names.

    Images, kept as bytes with their channels last, become float32 in [0, 1], with their channels where the request
    wants them; labels become one-hot rows of float32.
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
        return array.astype(np.float32) / np.float32(255)
    return array
