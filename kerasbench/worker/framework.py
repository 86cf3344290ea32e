"""Applies the settings that affect speed, and reads back those in force in the running framework."""

import importlib
from typing import Any, Dict

import keras
import numpy as np
from keras import backend

from kerasbench.worker.dataset import Split
from kerasbench.worker.example_order import Order, reordered
from kerasbench.worker.optimizers import KERAS

_MIB = 1024.0 * 1024.0
# Settings that Keras itself takes as arguments of `Model.compile`.
_OF_COMPILE = ("jit_compile", "steps_per_execution")


class Framework(object):
    """The backend's framework under the request's settings, used through `kerasbench.worker.frameworks`."""

    def __init__(self, module: str, settings: Dict[str, Any]) -> None:
        self._module = importlib.import_module("kerasbench.worker.frameworks." + module)
        self._settings = settings

    def configure(self) -> None:
        """Apply the settings that need the imported framework; call this before anything is built."""
        self._module.configure(self._settings)
        if self._settings["image_layout"] is not None:
            backend.set_image_data_format(self._settings["image_layout"])
        if self._settings["precision"] is not None:
            keras.config.set_dtype_policy(self._settings["precision"])

    def compile_arguments(self) -> Dict[str, Any]:
        """Return arguments for `Model.compile`, without those that keep Keras' default."""
        if KERAS < (3, 0):
            return {}  # Keras 2 has no such arguments; `configure` sets its frameworks directly
        return {name: self._settings[name] for name in _OF_COMPILE if self._settings[name] is not None}

    def examples(self, model: Any, split: Split, order: Order, batch_size: int) -> Dict[str, Any]:
        """Return the data arguments of `fit`, which make each epoch use the order's current permutation.

        With `data_on_device`, the data are copied to the device here, and the model may be changed to read them there.
        """
        if self._settings["data_on_device"]:
            on_device: Dict[str, Any] = self._module.on_device(model, split, order, batch_size)
            return on_device
        if hasattr(self._module, "examples"):
            return {"x": self._module.examples(split, order, batch_size)}
        ordered = reordered(split, order)
        weights = {} if split.weights is None else {"sample_weight": ordered.weights}
        return dict(weights, x=ordered.x, y=ordered.y, batch_size=batch_size, shuffle=False)

    def validation(self, split: Split, batch_size: int) -> Any:
        """Return `fit`'s validation data; mapped files are read batch by batch."""
        if split.mapped and hasattr(self._module, "examples"):
            return self._module.examples(split, Order(len(split), 0), batch_size)
        return (split.x, split.y) if split.weights is None else (split.x, split.y, split.weights)

    def wait(self, model: Any) -> None:
        """Return when the device has finished all its work."""
        self._module.wait(model)

    def memory(self) -> Dict[str, float]:
        """Return what the framework's arrays take on the device, by the metrics' names; empty if it does not tell.

        The figures do not contain what the framework has reserved beyond that. The peak is that since the last call.
        """
        read = getattr(self._module, "memory", None)
        found = read() if read else None
        if found is None:
            return {}
        now, peak = found
        return {"epoch_end_device_mib": now / _MIB, "epoch_peak_device_mib": peak / _MIB}

    def in_force(self, model: Any) -> Dict[str, str]:
        """Return the settings in force in the framework and Keras, and what else affects speed, as text."""
        found = {
            "image_layout": backend.image_data_format(),
            "precision": keras.config.dtype_policy().name if KERAS >= (3, 0) else backend.floatx(),
            "numpy": np.__version__,
        }
        for name in _OF_COMPILE:
            if hasattr(model, name):
                found[name] = getattr(model, name)
        found.update(self._module.in_force())
        found["compilation"] = self._module.COMPILATION[bool(found.get("jit_compile"))]
        return {name: str(value) for name, value in found.items()}
