"""The optimizer, the schedule and the callbacks that a user configures, checked against the classes of Keras."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from kerasbench.config import keras_api
from kerasbench.config.keras_api import KerasApi, KerasClass
from kerasbench.config.ranges import Range
from kerasbench.config.schema import Config, ModelConfig
from kerasbench.terminal.errors import UserError

_RATE = Range(0, 1000, above=True)
_SHARE = Range(0, 1, below=True)
_NOT_NEGATIVE = Range(0, 1e9)

# The range of arguments of optimizers and schedules; others only have to be finite.
RANGES: dict[str, Range] = {
    "learning_rate": _RATE,
    "initial_learning_rate": _RATE,
    "rho": _SHARE,
    "beta_1": _SHARE,
    "beta_2": _SHARE,
    "momentum": _SHARE,
    "ema_momentum": _SHARE,
    "epsilon": Range(0, 1, above=True),
    "decay": Range(0, 1),
    "weight_decay": _NOT_NEGATIVE,
    "clipnorm": Range(0, 1e9, above=True),
    "global_clipnorm": Range(0, 1e9, above=True),
    "clipvalue": Range(0, 1e9, above=True),
    "decay_steps": Range(1, 2**53),
    "first_decay_steps": Range(1, 2**53),
}
# The same on every Keras version, because their defaults differ: Keras 3's, for what the user leaves open.
_EXPLICIT = ("learning_rate", "rho", "beta_1", "beta_2", "epsilon", "momentum", "nesterov", "amsgrad", "weight_decay")
_CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")
# Keras 2's optimizers take these beside their own arguments. Its `clipnorm` clips the norm of all gradients together,
# as Keras 3's `global_clipnorm` does.
_OF_KERAS_2 = ("decay", "clipvalue", "global_clipnorm")


def resolved(model: ModelConfig) -> dict[str, Any]:
    """Return the optimizer with every argument that matters; empty if the model's own, or the default, applies.

    The user's arguments come first. The published ones follow if the class is theirs, then Keras 3's defaults, which
    Keras 2 does not share.

    Raises:
        UserError: the class is unknown to Keras 3, whose names are used.
    """
    given, published = model.optimizer, model.published_optimizer
    name = given.get("class_name", published.get("class_name"))
    if name is None:
        if given:
            raise UserError("model.optimizer.class_name is missing: name the Keras optimizer, such as Adam")
        return {}
    kept = published if name == published.get("class_name") else {}
    kind = _named(keras_api.newest(), "optimizers", name, "model.optimizer.class_name")
    defaults = {key: value for key, value in kind.defaults.items() if key in _EXPLICIT and value}
    return {"class_name": name, **defaults, **{key: value for key, value in kept.items() if value is not None}, **given}


def check(config: Config) -> None:
    """Raise UserError for an optimizer, schedule, callback, loss or metric that the backend's Keras does not have."""
    api, model = keras_api.of_backend(config.backend), config.model
    where = f"{config.backend.name}'s Keras {api.version}"
    if model.optimizer:
        _check_optimizer(model.optimizer, api, where)
    if model.schedule:
        _check_schedule(model, api, where)
    for callback in config.trainer.callbacks:
        _check_class(callback, api, "callbacks", "trainer.callbacks", where)
    for key, names, known in (
        ("model.loss", [model.loss] if model.loss is not None else [], api.losses),
        ("model.metrics", model.metrics or [], api.metrics),
    ):
        for name in names:
            if name not in known:
                raise UserError(f"{key}={name[:40]} is unknown to {where}; it has {', '.join(known)}")


def _check_optimizer(optimizer: Mapping[str, Any], api: KerasApi, where: str) -> None:
    kind = _named(api, "optimizers", optimizer["class_name"], "model.optimizer.class_name", where)
    takes = {*kind.arguments, "decay"}
    if api.major == 2:
        takes = takes - set(_CLIPPING) | set(_OF_KERAS_2) - ({"decay"} if kind.name == "Nadam" else set())
        takes |= {"epsilon"} - ({"epsilon"} if kind.name == "SGD" else set())
    for name, value in optimizer.items():
        off = value is None or value is False or (name in ("decay", "momentum") and value == 0)
        if name == "class_name" or (off and name in _known_somewhere()):
            continue  # what is switched off needs no support
        if name not in takes:
            instead = "; it has global_clipnorm" if name == "clipnorm" and api.major == 2 else ""
            raise UserError(
                f"model.optimizer.{name}={_shown(value)}: {kind.name} of {where} takes no {name}{instead}. "
                f"It takes {', '.join(sorted(takes - {'name'}))}"
            )
        _check_value(f"model.optimizer.{name}", name, value)
    if optimizer.get("learning_rate") is None:
        raise UserError("model.optimizer.learning_rate=null: name one, because its default differs between versions")
    if kind.name == "RMSprop" and optimizer.get("epsilon") is None:
        raise UserError("model.optimizer.epsilon=null: RMSprop needs one, because its default differs between versions")


def _check_schedule(model: ModelConfig, api: KerasApi, where: str) -> None:
    if not api.schedules:
        raise UserError(
            f"model.schedule: {where} has no learning rate schedules; leave out this backend, or the schedule"
        )
    if not model.optimizer:
        raise UserError("model.schedule needs the optimizer that it belongs to: add model.optimizer={class_name: Adam}")
    if model.optimizer.get("decay"):
        raise UserError("model.schedule and model.optimizer.decay both change the learning rate: set one of them")
    given = {"initial_learning_rate": model.optimizer.get("learning_rate"), **model.schedule}
    _check_class(given, api, "schedules", "model.schedule", where, filled=("initial_learning_rate",))


def _check_class(given: Any, api: KerasApi, kind: str, key: str, where: str, filled: Sequence[str] = ()) -> None:
    if not isinstance(given, Mapping) or not isinstance(given.get("class_name"), str):
        raise UserError(f"{key}={_shown(given)} must be written as {{class_name: NAME, ARGUMENT: VALUE, ...}}")
    found = _named(api, kind, given["class_name"], f"{key}.class_name", where)
    for name, value in given.items():
        if name != "class_name" and name not in found.arguments and name not in filled:
            raise UserError(
                f"{key}.{name}={_shown(value)}: {found.name} of {where} takes no {name}; "
                f"it takes {', '.join(found.arguments) or 'no arguments'}"
            )
        _check_value(f"{key}.{name}", str(name), value)
    missing = [name for name in found.required if name not in given]
    if missing:
        raise UserError(f"{key}: {found.name} needs {missing[0]}")


def _check_value(key: str, name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        if name in RANGES and value is not None:
            raise UserError(f"{key}={_shown(value)} must be a number, {RANGES[name]}")
        return
    if name in RANGES and not RANGES[name].holds(value):
        raise UserError(f"{key}={value} must be {RANGES[name]}")
    if not math.isfinite(value):
        raise UserError(f"{key}={value} is not a finite number")


def _named(api: KerasApi, kind: str, name: Any, key: str, where: str = "Keras") -> KerasClass:
    known: dict[str, KerasClass] = getattr(api, kind)
    if name not in known:
        raise UserError(f"{key}={_shown(name)} is unknown to {where}; it has {', '.join(known)}")
    return known[name]


def _known_somewhere() -> set[str]:
    return {name for kind in keras_api.newest().optimizers.values() for name in kind.arguments} | {"decay"}


def _shown(value: Any) -> str:
    return str(value)[:60]
