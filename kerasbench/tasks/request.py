"""The requests to a worker: plain JSON with everything that it needs."""

from pathlib import Path
from typing import Any

from kerasbench.config import devices, identity, settings
from kerasbench.config.schema import BackendConfig, Config, ImageLayout, Init, ParityOptimizer, Task
from kerasbench.config.settings import Resolved
from kerasbench.data import PreparedData
from kerasbench.paths import STARTED_IN
from kerasbench.terminal.errors import UserError
from kerasbench.worker import protocol


def of_task(
    config: Config, resolved: Resolved, data: PreparedData | None, weights: Path | None
) -> tuple[str, dict[str, Any]]:
    """Return the kind and the fields of the request that starts a run's task.

    Args:
        config: the run.
        resolved: the settings of its worker.
        data: the prepared data; None: a script has its own.
        weights: the file of initial weights; None if the worker draws them.
    """
    if data is None:
        return protocol.TRAIN, to_run(config, config.backend, resolved, weights)
    if config.task is Task.parity:
        return protocol.PARITY, to_compare(config, config.backend, resolved, data, weights)
    return protocol.TRAIN, to_train(config, resolved, data, weights)


def to_run(config: Config, backend: BackendConfig, resolved: Resolved, weights: Path | None) -> dict[str, Any]:
    """Return the request to run the user's script, with these initial weights for its first model, if any."""
    script = {"path": config.script, "args": config.args, "folder": str(STARTED_IN)}
    return _of_backend(config, backend, resolved) | {"script": script, "weights": weights and str(weights)}


def to_draw(config: Config, backend: BackendConfig, resolved: Resolved, data: PreparedData | None) -> dict[str, Any]:
    """Return the request for the initial weights that Keras draws on this backend."""
    if data is None:
        return to_run(config, backend, resolved, None)
    return _common(config, backend, resolved, data) | {"weights": None, "init": Init.shared.value}


def to_train(config: Config, resolved: Resolved, data: PreparedData, weights: Path | None) -> dict[str, Any]:
    """Return the request to train as the configuration says.

    Raises:
        UserError: the devices cannot share the last batch of an epoch.
    """
    devices.check_examples(config, data.train_examples, data.test_examples)
    return _common(config, config.backend, resolved, data) | {
        "weights": weights and str(weights),
        "init": config.trainer.init.value,
        "augment": config.trainer.augment,
        "callbacks": config.trainer.callbacks,
        "epochs": config.trainer.epochs,
        "batch_size": config.trainer.batch_size,
    }


def to_compare(
    config: Config, backend: BackendConfig, resolved: Resolved, data: PreparedData | None, weights: Path | None
) -> dict[str, Any]:
    """Return the request for a few steps without dropout, with the same computation for every backend.

    Build options whose names end in "dropout" are dropout rates, and are set to 0, so that the project's models leave
    these layers out. The worker switches off those of other models.

    Raises:
        UserError: the data set has too few examples.
    """
    assert data is not None, "scripts are not compared"
    parity = config.parity
    request = _common(config, backend, resolved, data)
    build = request["model"]["build"]
    request["model"]["build"] = {name: 0.0 if name.endswith("dropout") else value for name, value in build.items()}
    sgd = {"class_name": "SGD", "learning_rate": parity.learning_rate, "momentum": 0.0}
    if parity.optimizer is ParityOptimizer.sgd:
        request |= {"optimizer": sgd, "schedule": None}
    request |= {
        "metrics": None if config.model.own else [],
        "weights": weights and str(weights),
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
    model = identity.plain(config)["model"]
    return _of_backend(config, backend, resolved) | {
        "model": {
            **{name: model[name] for name in ("module", "function", "file", "own", "build", "initial_weights")},
            "folder": str(STARTED_IN),
        },
        "optimizer": model["optimizer"] or None,
        "schedule": model["schedule"] or None,
        "loss": model["loss"],
        "metrics": model["metrics"],
        "data": {
            "path": data.path,
            "inputs": data.inputs,
            "targets": data.targets,
            "weights": data.weights,
            "train_samples": config.data.train_samples,
            "test_samples": config.data.test_samples,
            "channels_first": resolved.values.get("image_layout") == ImageLayout.channels_first.value,
        },
    }


def _of_backend(config: Config, backend: BackendConfig, resolved: Resolved) -> dict[str, Any]:
    return {"seed": config.seed} | settings.requested(backend, resolved)
