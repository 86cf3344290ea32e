"""Builds the same optimizer on Keras 2.2, 2.3 and 3, with nothing left to a default that differs between them."""

from typing import Any, Dict

import keras

# Whose RMSprop divides by sqrt(v + epsilon), where Keras 2 on its other backends divides by sqrt(v) + epsilon. Given
# epsilon squared, its divisor has the same floor: the two differ by at most a factor of sqrt(2), where sqrt(v) is
# epsilon itself, and by 1% once sqrt(v) is a hundred times larger.
_EPSILON_INSIDE_ROOT = keras.__version__.startswith("3.") or keras.backend.backend() == "mxnet"
KERAS = tuple(int(part) for part in keras.__version__.split(".")[:2])


def build(spec: Dict[str, Any]) -> Any:
    """Return the optimizer that a request's `optimizer` describes.

    `decay` is Keras 2's: the learning rate at update n (from 0) is learning_rate / (1 + decay * n). `epsilon` is meant
    as in Keras 2's formulas.
    """
    settings = dict(spec)
    name = settings.pop("class_name")
    optimizer_class = getattr(keras.optimizers, name)
    if name == "RMSprop" and _EPSILON_INSIDE_ROOT:
        settings["epsilon"] = settings["epsilon"] ** 2
    rate, decay = settings.pop("learning_rate"), settings.pop("decay")
    given = {key: value for key, value in settings.items() if value is not None}
    if KERAS < (3, 0):
        rate_name = "learning_rate" if KERAS >= (2, 3) else "lr"
        return optimizer_class(**dict(given, decay=decay, **{rate_name: rate}))
    if decay:
        rate = keras.optimizers.schedules.InverseTimeDecay(rate, decay_steps=1, decay_rate=decay)
    return optimizer_class(learning_rate=rate, **given)
