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


def without_dropout() -> None:
    """Make dropout and noise layers return their inputs, and drop the dropout arguments of all other layers."""
    layers: List[Any] = [one for one in vars(keras.layers).values() if inspect.isclass(one)]
    for layer in layers:
        if layer.__name__ in _LAYERS:
            layer.call = _unchanged
        elif set(_ARGUMENTS) & set(inspect.signature(layer.__init__).parameters):
            layer.__init__ = _without_arguments(layer.__init__)


def _unchanged(self: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    # Keras 2 calls K.identity on an input that is returned, which keras-mxnet cannot.
    return inputs if KERAS >= (3, 0) else inputs * 1.0


def _without_arguments(whole: Any) -> Any:
    @functools.wraps(whole)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        for name in _ARGUMENTS:
            if name in kwargs:
                kwargs[name] = 0.0
        whole(self, *args, **kwargs)

    return init
