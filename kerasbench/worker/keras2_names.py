"""Lets Keras 2 read today's notation where only its spelling is new."""

from typing import Any

from keras.models import Sequential

from kerasbench.worker.optimizers import KERAS


def accept_todays() -> None:
    """Accept `Sequential([Input(shape=...), ...])`: Keras 2 takes only the layer behind what `Input` returns."""
    if KERAS >= (3, 0):
        return
    add = Sequential.add

    def add_layer(model: Any, layer: Any) -> None:
        behind = getattr(layer, "_keras_history", None)
        add(model, behind[0] if behind else layer)

    Sequential.add = add_layer
