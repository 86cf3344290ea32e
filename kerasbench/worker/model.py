"""Prepares the backend and builds the compiled model that a request describes, with its initial weights."""

import importlib
import random
from typing import Any, Dict, List, Optional

import numpy as np

from kerasbench.worker import compilation, targets, user_code, weights
from kerasbench.worker.dataset import Split
from kerasbench.worker.framework import Framework
from kerasbench.worker.optimizers import KERAS


def prepare_backend(request: Dict[str, Any]) -> Framework:
    """Apply the settings and the backend's fixes, and seed it; call this before anything is built."""
    framework = Framework(request["framework"], request["settings"])
    framework.configure()
    for fix in request["fixes"]:
        importlib.import_module("kerasbench.worker.fixes." + fix).apply()
    seed_everything(request["seed"], request["seed_function"])
    return framework


def seed_everything(seed: int, seed_function: str) -> None:
    """Seed Python, NumPy and the backend, the last with the function that its configuration names (dotted).

    The framework's own random draws, such as dropout, then follow from the seed.
    """
    random.seed(seed)
    np.random.seed(seed)
    module, _, name = seed_function.rpartition(".")
    getattr(importlib.import_module(module), name)(seed)


class Network(object):
    """A compiled model and the form of its targets.

    Attributes:
        model: the Keras model.
        losses: the loss of each output.
        widths: the size of each output's last axis.
    """

    def __init__(self, model: Any, losses: List[Any], widths: List[int], described: List[Dict[str, Any]]) -> None:
        self.model = model
        self.losses = losses
        self.widths = widths
        self._described = described

    def encoded(self, split: Split) -> Split:
        """Return the examples with targets in the form that the model's losses expect."""
        return split.with_targets(targets.encoded(split.targets, self._described, self.losses, self.widths))


def build(request: Dict[str, Any], training: Split, framework: Framework) -> Network:
    """Return the compiled network that the request describes, for data of the given split's shapes."""
    described = request["data"]["targets"]
    model = user_code.construct(request["model"], _offered(request["data"], training))
    widths = _output_widths(model, training)
    losses = compilation.compile_model(model, request, described, widths, framework.compile_arguments())
    if request["init"] == "shared" and request["model"]["initial_weights"] == "numpy":
        weights.share(model, request["seed"])
    elif request["init"] == "shared" and request["weights"]:
        weights.load(model, request["weights"])
    return Network(model, losses, widths, described)


def _offered(data: Dict[str, Any], training: Split) -> Dict[str, Any]:
    """Return what a model's function gets if it asks for it by name."""
    outputs = [_outputs(target, array) for target, array in zip(data["targets"], training.targets)]
    classes = [target["classes"] for target in data["targets"]]
    return {
        "input_shapes": [tuple(int(size) for size in array.shape[1:]) for array in training.inputs],
        "classes": classes[0],
        "outputs": outputs[0] if len(outputs) == 1 else outputs,
    }


def _outputs(target: Dict[str, Any], array: Any) -> int:
    """Return how many outputs suit a target: one for each class or value, and one for a yes-or-no question."""
    if array.ndim > 1:
        return int(array.shape[-1])
    return int(target["classes"]) if target["task"] == "classification" else 1


def _output_widths(model: Any, training: Split) -> List[int]:
    """Return the size of each output's last axis; a model without known shapes is built on one batch first."""
    shape: Optional[Any] = None
    if _has_graph(model):
        shape = model.output_shape
    else:
        batch = training.part(0, 2)
        if KERAS >= (3, 0):
            inputs = [np.ascontiguousarray(array) for array in batch.inputs]
            outputs = model(inputs[0] if len(inputs) == 1 else inputs)
            shape = [tuple(one.shape) for one in outputs] if isinstance(outputs, (list, tuple)) else outputs.shape
        else:
            outputs = model.predict(batch.x, batch_size=2)
            shape = [one.shape for one in outputs] if isinstance(outputs, list) else outputs.shape
    if isinstance(shape, dict):
        shape = list(shape.values())
    shapes = shape if isinstance(shape, list) else [shape]
    return [int(one[-1]) for one in shapes]


def _has_graph(model: Any) -> bool:
    """Return whether the model's layers are connected: a functional model, or a Sequential one with an input shape."""
    try:
        return bool(model.built and model.inputs and model.output_shape is not None)
    except (AttributeError, RuntimeError, ValueError, NotImplementedError):
        return False
