"""Builds the same optimizer on Keras 2.2, 2.3 and 3, without relying on defaults that differ between them."""

from typing import Any, Dict, Optional

import keras

KERAS = tuple(int(part) for part in keras.__version__.split(".")[:2])

DEFAULT = {"class_name": "Adam", "learning_rate": 1e-3, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}


def build(spec: Dict[str, Any], schedule: Optional[Dict[str, Any]] = None) -> Any:
    """Return the optimizer that a request's `optimizer` and `schedule` describe, in Keras 3's names.

    `decay` is Keras 2's: the learning rate at update n (from 0) is learning_rate / (1 + decay * n).
    RMSprop divides by sqrt(v + epsilon^2) on every backend. Keras 3 computes this when given epsilon^2. It has the same
    floor as Keras 2's sqrt(v) + epsilon, and differs from it only where sqrt(v) is not much larger than epsilon.
    Keras 2's `clipnorm` clips all gradients together, as Keras 3's `global_clipnorm` does.
    """
    arguments = {key: value for key, value in spec.items() if value is not None}
    name = arguments.pop("class_name")
    decay = arguments.pop("decay", 0.0)
    if name == "RMSprop":
        arguments["epsilon"] = arguments["epsilon"] ** 2
    if KERAS >= (3, 0):
        if decay:
            schedule = {"class_name": "InverseTimeDecay", "decay_steps": 1, "decay_rate": decay}
        if schedule:
            arguments["learning_rate"] = _schedule(schedule, arguments["learning_rate"])
        return getattr(keras.optimizers, name)(**arguments)
    if name == "RMSprop":
        arguments.pop("momentum", None)  # Keras 2 has none; the driver refuses any but 0
    arguments = {key: value for key, value in arguments.items() if value is not False}
    if "global_clipnorm" in arguments:
        arguments["clipnorm"] = arguments.pop("global_clipnorm")
    if name != "Nadam":
        arguments["decay"] = decay
    if KERAS < (2, 3):
        arguments["lr"] = arguments.pop("learning_rate")
    return getattr(keras.optimizers, name)(**arguments)


def _schedule(spec: Dict[str, Any], learning_rate: float) -> Any:
    """Return Keras 3's schedule; it starts at the optimizer's learning rate unless it has its own."""
    arguments = dict(spec)
    kind = getattr(keras.optimizers.schedules, arguments.pop("class_name"))
    if kind is not keras.optimizers.schedules.PiecewiseConstantDecay:
        arguments.setdefault("initial_learning_rate", learning_rate)
    return kind(**arguments)
