"""Builds the same optimizer on Keras 2.2, 2.3 and 3, without relying on defaults that differ between them."""

from typing import Any, Dict

import keras

KERAS = tuple(int(part) for part in keras.__version__.split(".")[:2])


def build(spec: Dict[str, Any]) -> Any:
    """Return the optimizer that a request's `optimizer` describes.

    `decay` is Keras 2's: the learning rate at update n (from 0) is learning_rate / (1 + decay * n).
    RMSprop divides by sqrt(v + epsilon^2) on every backend. Keras 3 computes this when given epsilon^2. It has the same
    floor as Keras 2's sqrt(v) + epsilon, and differs from it only where sqrt(v) is not much larger than epsilon.
    """
    settings = {key: value for key, value in spec.items() if value is not None}
    name = settings.pop("class_name")
    if name == "RMSprop":
        settings["epsilon"] = settings["epsilon"] ** 2
    if KERAS < (2, 3):
        settings["lr"] = settings.pop("learning_rate")
    if KERAS >= (3, 0):
        decay = settings.pop("decay")
        if decay:
            schedule = keras.optimizers.schedules.InverseTimeDecay
            settings["learning_rate"] = schedule(settings["learning_rate"], decay_steps=1, decay_rate=decay)
    return getattr(keras.optimizers, name)(**settings)
