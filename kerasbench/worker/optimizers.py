"""Builds the same optimizer on Keras 2.2, 2.3 and 3, with nothing left to a default that differs between them."""

from typing import Any, Dict

import keras

KERAS = tuple(int(part) for part in keras.__version__.split(".")[:2])


def build(spec: Dict[str, Any]) -> Any:
    """Return the optimizer that a request's `optimizer` describes.

    `decay` is Keras 2's: the learning rate at update n (from 0) is learning_rate / (1 + decay * n).
    """
    settings = dict(spec)
    optimizer_class = getattr(keras.optimizers, settings.pop("class_name"))
    rate, decay = settings.pop("learning_rate"), settings.pop("decay")
    given = {key: value for key, value in settings.items() if value is not None}
    if KERAS < (3, 0):
        rate_name = "learning_rate" if KERAS >= (2, 3) else "lr"
        return optimizer_class(**dict(given, decay=decay, **{rate_name: rate}))
    if decay:
        rate = keras.optimizers.schedules.InverseTimeDecay(rate, decay_steps=1, decay_rate=decay)
    return optimizer_class(learning_rate=rate, **given)
