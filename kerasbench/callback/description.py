"""What a `fit` in the user's process computes, as the tags and params of its run."""

import hashlib
import importlib
import importlib.metadata
import json
import platform
import re
from collections.abc import Iterator
from typing import Any

import keras

from kerasbench.config.identity import MEASUREMENT
from kerasbench.config.schema import Init, Task
from kerasbench.vocabulary import Tag

_DIGITS = 6  # of a number that is compared: a learning rate is a float32 on one backend and a float64 on another
_COMPILED = ("optimizer", "loss", "loss_weights")  # what `compile` got and speed or result depends on


def model_name(model: Any) -> str:
    """Return a model's name, without the number that Keras appends to the names it makes: `sequential_1`."""
    base, _, number = model.name.rpartition("_")
    made = number.isdigit() and base.replace("_", "") == type(model).__name__.lower()
    return str(base if made else model.name)


def tags(model: str, data: str, label: str | None) -> dict[str, str]:
    """Return the tags of a run, without those of the machine and of the command.

    Args:
        model: the model's name in reports.
        data: the data set's.
        label: the variant's.
    """
    backend, variant = keras.backend.backend(), f"label={label}" if label else ""
    versions = {
        Tag.KERAS_VERSION: keras.__version__,
        Tag.BACKEND_VERSION: importlib.import_module(backend).__version__,
        Tag.PYTHON_VERSION: platform.python_version(),
    }
    packages = sorted({f"{one.name}=={one.version}" for one in importlib.metadata.distributions()})
    found = versions | {
        Tag.TASK: Task.train.value,
        Tag.BACKEND: backend,
        Tag.MODEL: model,
        Tag.DATA_NAME: data,
        Tag.DATA_DIGEST: _hash(["a user's data by this name", data]),
        Tag.MEASUREMENT: str(MEASUREMENT),
        Tag.ENVIRONMENT: _hash([versions, packages]),
        Tag.VARIANT: variant,
        Tag.COMPETITOR: " · ".join(filter(None, [backend, variant])),
        Tag.LABEL: label or "",
    }
    return {key: value for key, value in found.items() if value}


def params(model: Any, fit: dict[str, Any]) -> dict[str, str]:
    """Return the settings of a `fit`, under train.py's names.

    Args:
        model: the compiled Keras model.
        fit: what Keras passes to a callback as `params`.
    """
    asked = {
        "trainer.epochs": fit.get("epochs"),
        "trainer.steps_per_epoch": fit.get("steps"),
        "trainer.init": Init.native.value,
        "settings.precision": keras.config.dtype_policy().name,
    }
    compiled = model.get_compile_config() or {}
    for key in _COMPILED:
        asked |= dict(_flat(f"model.{key}", compiled.get(key)))
    return {key: _text(value) for key, value in asked.items() if value is not None}


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what Keras serialized under dotted keys; an object is its class and its own arguments."""
    if isinstance(value, dict) and "class_name" in value:
        yield f"{prefix}.class_name", value["class_name"]
        value = {key: item for key, item in value.get("config", {}).items() if key != "name"}
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(f"{prefix}.{key}", item)
    elif value is not None:
        yield prefix, value


def _text(value: Any) -> str:
    return f"{value:.{_DIGITS}g}" if isinstance(value, float) else str(value)


def comparison(model: Any, params: dict[str, str]) -> dict[str, str]:
    """Return the tag that is equal for runs that may be ranked together: of equal settings, layers and weights.

    The backend, the machine, the names of model and data, and the label are not in it.

    Args:
        model: the Keras model, which is built.
        params: what `params` returned.
    """
    layers = [type(layer).__name__ for layer in model.layers]
    shapes = [list(weight.shape) for weight in model.weights]
    return {Tag.COMPARISON_HASH: _hash(["MlflowCallback", MEASUREMENT, params, layers, shapes])}


def _hash(content: Any) -> str:
    text = re.sub(r"0x[0-9a-f]+", "", json.dumps(content, sort_keys=True, default=str))  # addresses of objects
    return hashlib.sha256(text.encode()).hexdigest()[:16]
