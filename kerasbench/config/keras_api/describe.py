"""Print what this interpreter's Keras offers, as JSON: classes with their arguments and defaults, and names.

Run by a backend's interpreter (Python 3.6 too), once for each pinned Keras: `python describe.py > 3.json`. The driver
checks what a user writes against these files, because it has no Keras itself.
"""

import inspect
import json
from typing import Any, Dict, List

import keras

# Names that take functions or objects, or that Keras itself manages: they cannot be written in a configuration.
_LEFT_OUT = (
    "Optimizer", "TFOptimizer", "LossScaleOptimizer", "MultiOptimizer", "LearningRateSchedule", "Callback",
    "CallbackList", "History", "BaseLogger", "ProgbarLogger", "LambdaCallback", "LearningRateScheduler",
    "RemoteMonitor", "OrbaxCheckpoint", "SwapEMAWeights",
)  # fmt: skip
_NO_NAMES = ("get", "Layer", "Loss", "Metric", "Mean", "Sum", "Reduce", "IoU")
_PARTS = ("serialize", "clone_", "is_", "Base", "MeanIoU", "_")  # beginnings of helpers' names
_SHORT = ("accuracy", "acc", "mse", "mae", "mape", "msle", "bce", "cosine_similarity")  # names without a function


def _value(default: Any) -> Any:
    """Return a default as JSON; None for one that is no plain value, such as an object."""
    return default if isinstance(default, (bool, int, float, str)) else None


def _arguments(kind: Any) -> Dict[str, Any]:
    """Return a class's arguments with their defaults, inherited ones included; required ones are listed apart."""
    found: Dict[str, Any] = {}
    required: List[str] = []
    for owner in kind.__mro__[:-1]:
        if "__init__" not in vars(owner):
            continue
        parameters = list(inspect.signature(owner.__init__).parameters.values())[1:]
        for one in parameters:
            if one.kind in (one.VAR_KEYWORD, one.VAR_POSITIONAL) or one.name in found or one.name in required:
                continue
            if one.default is one.empty and owner is kind:
                required.append(one.name)
            elif one.default is not one.empty:
                found[one.name] = _value(one.default)
        if not any(one.kind is one.VAR_KEYWORD for one in parameters):
            break
    if "lr" in found:  # Keras 2.2: newer ones call it learning_rate
        found["learning_rate"] = found.pop("lr")
    return {"required": required, "defaults": found}


def _classes(module: Any, base: Any) -> Dict[str, Any]:
    found = {}
    for name, kind in sorted(vars(module).items()):
        if inspect.isclass(kind) and issubclass(kind, base) and name[0].isupper() and name not in _LEFT_OUT:
            found[name] = _arguments(kind)
    return found


def _names(module: Any) -> List[str]:
    """Return the names that `compile` accepts for the module's functions and classes."""
    found = []
    for name in sorted(set(vars(module)) | set(_SHORT)):
        if (
            name in _NO_NAMES
            or name.startswith(_PARTS)
            or name.endswith(("serialize", "serialize_keras_object", "Base"))
        ):
            continue
        if "Wrapper" in name or not callable(vars(module).get(name, _names)):
            continue
        try:
            module.get(name)
        except Exception:
            continue
        found.append(name)
    return [name for name in found if name not in ("acc", "accuracy")] + ["accuracy"] * (module is keras.metrics)


def main() -> None:
    """Print the description."""
    schedules = getattr(keras.optimizers, "schedules", None)
    described = {
        "version": keras.__version__,
        "optimizers": _classes(keras.optimizers, keras.optimizers.Optimizer),
        "schedules": _classes(schedules, schedules.LearningRateSchedule) if schedules else {},
        "callbacks": _classes(keras.callbacks, keras.callbacks.Callback),
        "losses": _names(keras.losses),
        "metrics": _names(keras.metrics),
    }
    print(json.dumps(described, indent=1, sort_keys=True))


if __name__ == "__main__":
    main()
