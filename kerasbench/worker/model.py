"""Prepares the backend and builds the compiled model that a request describes, with its initial weights."""

import importlib
import random
from typing import Any, Dict

import numpy as np

from kerasbench.worker import optimizers, weights
from kerasbench.worker.dataset import Split
from kerasbench.worker.framework import Framework


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


def build(request: Dict[str, Any], training: Split, framework: Framework) -> Any:
    """Return the compiled model that the request describes, for data of the given split's shapes."""
    module = importlib.import_module(request["model"]["module"])
    shapes = [array.shape[1:] for array in training.inputs]
    model = module.build(shapes, training.labels.shape[1], **request["model"]["build"])
    model.compile(
        loss=request["loss"],
        optimizer=optimizers.build(request["optimizer"]),
        metrics=request["metrics"],
        **framework.compile_arguments(),
    )
    if request["init"] == "shared":
        weights.share(model, request["seed"])
    return model
