"""Reads the prepared data set: the same bytes for every backend."""

import os
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from kerasbench.worker.augmentation import shift_and_flip

Array = Any  # a NumPy array; NumPy has no type annotations under Python 3.6


class Split(object):
    """One part of the data.

    Attributes:
        inputs: one array for each model input.
        targets: one array for each model output. From `load`, class numbers or values; for training, as the model's
            losses expect them (`kerasbench.worker.targets`).
        weights: a weight for each example; None if all count alike.
    """

    def __init__(
        self, inputs: List[Array], targets: List[Array], weights: Optional[Array] = None, channels_first: bool = False
    ) -> None:
        self.inputs = inputs
        self.targets = targets
        self.weights = weights
        self._channels_first = channels_first

    def __len__(self) -> int:
        return len(self.inputs[0])

    @property
    def arrays(self) -> List[Array]:
        """All arrays, of equal length: inputs, targets, weights if there are any."""
        return [*self.inputs, *self.targets] + ([] if self.weights is None else [self.weights])

    @property
    def mapped(self) -> bool:
        """Whether the inputs are files that are mapped into memory."""
        return all(isinstance(array, np.memmap) for array in self.inputs)

    def replaced(self, arrays: List[Array]) -> "Split":
        """Return a split with other arrays, in the order of `arrays`."""
        inputs, rest = arrays[: len(self.inputs)], arrays[len(self.inputs) :]
        weights = None if self.weights is None else rest[-1]
        return Split(inputs, rest[: len(self.targets)], weights, self._channels_first)

    def with_targets(self, targets: List[Array]) -> "Split":
        """Return the same examples with other targets."""
        return Split(self.inputs, targets, self.weights, self._channels_first)

    def shifted_and_flipped(self, random: Any) -> "Split":
        """Return the same examples with augmented images."""
        if self._channels_first:
            inputs = [np.moveaxis(shift_and_flip(np.moveaxis(one, 1, 3), random), 3, 1) for one in self.inputs]
        else:
            inputs = [shift_and_flip(one, random) for one in self.inputs]
        return Split(inputs, self.targets, self.weights, self._channels_first)

    def repeated(self, times: int) -> "Split":
        """Return the examples, repeated so many times."""
        return self.replaced([np.tile(array, (times,) + (1,) * (array.ndim - 1)) for array in self.arrays])

    def part(self, start: int, stop: int) -> "Split":
        """Return the examples from `start` to `stop`."""
        return self.replaced([array[start:stop] for array in self.arrays])

    def batch(self, arrays: List[Any]) -> Any:
        """Return some examples as the data sets of Keras 3 yield them: inputs, targets and, if there are any, weights.

        Args:
            arrays: the examples in each of `arrays`, of any framework.
        """
        one = self.replaced(arrays)
        x, y = (tuple(part) if isinstance(part, list) else part for part in (one.x, one.y))
        return (x, y) if one.weights is None else (x, y, one.weights)

    @property
    def x(self) -> Any:
        """The inputs as `fit` expects them: an array for a model with one input, else a list."""
        return self.inputs[0] if len(self.inputs) == 1 else self.inputs

    @property
    def y(self) -> Any:
        """The targets as `fit` expects them: an array for a model with one output, else a list."""
        return self.targets[0] if len(self.targets) == 1 else self.targets


def load(spec: Dict[str, Any]) -> Tuple[Split, Split]:
    """Return the training and the test split that a request's `data` names.

    A file (.npz) holds a built-in data set: images as bytes with channels last, which become float32 in [0, 1]. A
    folder holds a user's own data, one .npy file for each array, as the model gets them; they are mapped into memory,
    so data larger than memory can be trained on. Images become channels-first if the request says so.
    """
    if os.path.isdir(spec["path"]):
        return _split(_Folder(spec["path"]), "train", spec), _split(_Folder(spec["path"]), "test", spec)
    with np.load(spec["path"]) as arrays:
        return _split(arrays, "train", spec), _split(arrays, "test", spec)


class _Folder(object):
    """Reads .npy files as `np.load` reads an .npz file."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __getitem__(self, name: str) -> Array:
        """Return an array that is mapped into memory."""
        return np.load(os.path.join(self._path, name + ".npy"), mmap_mode="r")


def _split(arrays: Any, part: str, spec: Dict[str, Any]) -> Split:
    samples: Optional[int] = spec["{}_samples".format(part)]

    def named(name: str) -> Array:
        return arrays["{}_{}".format(part, name)][:samples]

    inputs = [_scaled(named(name)) for name in spec["inputs"]]
    if spec["channels_first"]:
        inputs = [np.ascontiguousarray(np.moveaxis(images, 3, 1)) for images in inputs]
    targets = [named(target["name"]) for target in spec["targets"]]
    weights = named("weights") if spec["weights"] else None
    return Split(inputs, targets, weights, spec["channels_first"])


def _scaled(array: Array) -> Array:
    if array.dtype == np.uint8:
        scaled = array.astype(np.float32)
        scaled /= np.float32(255)  # in place, to hold a large data set in memory only once
        return scaled
    return array
