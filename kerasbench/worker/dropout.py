"""Switches off every layer that draws random numbers in training, so that losses can be compared step by step."""

import functools
import inspect
from typing import Any, List

import keras

from kerasbench.worker.optimizers import KERAS

_LAYERS = (
    "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout", "GaussianDropout",
    "GaussianNoise",
)  # fmt: skip
_ARGUMENTS = ("dropout", "recurrent_dropout")
_ATTRIBUTES = (*_ARGUMENTS, "rate", "stddev", "_dropout")


def prevent() -> None:
    """Make the layers that Keras 2 will build draw nothing: its graph is fixed once a layer is called."""
    if KERAS >= (3, 0):
        return
    layers: List[Any] = [one for one in vars(keras.layers).values() if inspect.isclass(one)]
    for layer in layers:
        if layer.__name__ in _LAYERS:
            layer.call = _unchanged
        elif set(_ARGUMENTS) & set(inspect.signature(layer.__init__).parameters):
            layer.__init__ = _without_arguments(layer.__init__)


def remove(model: Any) -> None:
    """Make the layers of a Keras 3 model draw nothing: they read their rates when they are called."""
    if KERAS < (3, 0):
        return
    for layer in model._flatten_layers():
        for name in _ATTRIBUTES:
            of_its_cell = isinstance(getattr(type(layer), name, None), property)
            if isinstance(getattr(layer, name, None), float) and not of_its_cell:
                setattr(layer, name, 0.0)


def _unchanged(self: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    return inputs * 1.0  # on an input that is returned, Keras 2 calls K.identity, which keras-mxnet cannot


def _without_arguments(whole: Any) -> Any:
    @functools.wraps(whole)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        for name in _ARGUMENTS:
            if name in kwargs:
                kwargs[name] = 0.0
        whole(self, *args, **kwargs)

    return init
