"""The requests to a worker: plain JSON with everything that it needs."""

from dataclasses import fields
from typing import Any

from kerasbench.config import identity
from kerasbench.config.schema import BackendConfig, ChosenSettings, Config, ImageLayout, Init, ParityOptimizer, Task
from kerasbench.config.settings import Resolved
from kerasbench.data import PreparedData
from kerasbench.terminal.errors import UserError
from kerasbench.worker import protocol


def of_task(config: Config, resolved: Resolved, data: PreparedData) -> tuple[str, dict[str, Any]]:
    """Return the kind and the fields of the request that starts a run's task."""
    if config.task is Task.parity:
        return protocol.PARITY, to_compare(config, config.backend, resolved, data)
    return protocol.TRAIN, to_train(config, resolved, data)


def to_train(config: Config, resolved: Resolved, data: PreparedData) -> dict[str, Any]:
    """Return the request to train as the configuration says."""
    model = identity.plain(config)["model"]
    return _common(config, config.backend, resolved, data) | {
        "model": {"module": model["module"], "build": model["build"]},
        "optimizer": model["optimizer"],
        "metrics": ["accuracy"],
        "init": config.trainer.init.value,
        "augment": config.trainer.augment,
        "epochs": config.trainer.epochs,
        "batch_size": config.trainer.batch_size,
    }


def to_compare(config: Config, backend: BackendConfig, resolved: Resolved, data: PreparedData) -> dict[str, Any]:
    """Return the request for a few steps without dropout, with the same computation for every backend.

    Build options whose names end in "dropout" are dropout rates, and are set to 0.

    Raises:
        UserError: the data set has too few examples.
    """
    model = identity.plain(config)["model"]
    build = {name: 0.0 if name.endswith("dropout") else value for name, value in model["build"].items()}
    parity = config.parity
    sgd = {"class_name": "SGD", "learning_rate": parity.learning_rate, "decay": 0.0, "momentum": 0.0}
    request = _common(config, backend, resolved, data) | {
        "model": {"module": model["module"], "build": build},
        "optimizer": sgd if parity.optimizer is ParityOptimizer.sgd else model["optimizer"],
        "metrics": [],
        "init": Init.shared.value,
        "steps": parity.steps,
        "batch_size": parity.batch_size,
    }
    needed = parity.steps * parity.batch_size
    if needed > data.train_examples:
        raise UserError(
            f"parity.steps={parity.steps} of parity.batch_size={parity.batch_size} need {needed} examples, but "
            f"{data.name} has {data.train_examples}"
        )
    request["data"] |= {"train_samples": needed, "test_samples": parity.batch_size}
    return request


def _common(config: Config, backend: BackendConfig, resolved: Resolved, data: PreparedData) -> dict[str, Any]:
    return {
        "loss": config.model.loss,
        "seed": config.seed,
        "seed_function": backend.seed_function,
        "fixes": backend.fixes,
        "framework": backend.adapter,
        "settings": {name.name: resolved.values.get(name.name) for name in fields(ChosenSettings)},
        "data": {
            "path": data.path,
            "inputs": data.inputs,
            "classes": data.classes,
            "train_samples": config.data.train_samples,
            "test_samples": config.data.test_samples,
            "channels_first": resolved.values.get("image_layout") == ImageLayout.channels_first.value,
        },
    }
