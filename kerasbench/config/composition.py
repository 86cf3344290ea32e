"""Composes the configuration, and checks what types cannot express."""

import os
import shlex
from dataclasses import replace
from pathlib import Path

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from kerasbench.config import settings
from kerasbench.config.schema import BackendConfig, Config, DataSource, TrackingConfig
from kerasbench.credentials import without_credentials
from kerasbench.paths import CONF, absolute, cache_path, sqlite_uri, work_path
from kerasbench.terminal.errors import UserError
from kerasbench.vocabulary import Metric

# What a run may return to Hydra's sweepers: the last epoch's figures, and those of the whole run.
OBJECTIVES = (*Metric.OF_EPOCH, *Metric.OF_RUN)


def _check(config: Config) -> None:
    """Raise UserError for a value that its type allows and a run cannot use."""
    _at_least(0, "seed", config.seed)
    _at_least(1, "trainer.epochs", config.trainer.epochs)
    _at_least(1, "trainer.batch_size", config.trainer.batch_size)
    _at_least(1, "repeats", config.repeats)
    _at_least(1, "settings.threads", config.settings.threads)
    _at_least(1, "settings.steps_per_execution", config.settings.steps_per_execution)
    _at_least(1, "parity.steps", config.parity.steps)
    _at_least(1, "parity.batch_size", config.parity.batch_size)
    if config.trainer.augment and not config.data.images:
        raise UserError(f"trainer.augment=true shifts and flips images, and {config.data.name} holds none")
    if not (CONF / "backend" / f"{config.parity.reference}.yaml").exists():
        raise UserError(f"parity.reference={config.parity.reference} is no backend; see `python train.py --help`")
    _at_least(1, "data.train_samples", config.data.train_samples)
    _at_least(1, "data.test_samples", config.data.test_samples)
    root, source = config.data.root, config.data.source
    if root and source is not DataSource.embedded and not Path(root).is_dir():
        raise UserError(
            f"data.root={root} is no folder. Name the folder that holds the real data "
            "(data.root=FOLDER or KERASBENCH_DATA), or leave both out."
        )
    if config.telemetry.interval_seconds <= 0:
        raise UserError(f"telemetry.interval_seconds must be above 0, not {config.telemetry.interval_seconds}")
    if config.objective not in OBJECTIVES:
        raise UserError(f"objective={config.objective} is no metric of a run; there are: {', '.join(OBJECTIVES)}")
    uri = config.tracking.uri
    if without_credentials(uri) != uri != os.environ.get("MLFLOW_TRACKING_URI"):
        raise UserError(
            "tracking.uri holds a password, and Hydra writes what a command says into files: "
            "put the address into the variable MLFLOW_TRACKING_URI"
        )
    settings.check(config.backend, config.settings)


def _at_least(least: int, key: str, value: int | None) -> None:
    if value is not None and value < least:
        raise UserError(f"{key} must be at least {least}, not {value}")


def register() -> None:
    """Make the schema and the resolvers that conf/ uses known to Hydra and OmegaConf; again does no harm."""
    for resolver in (work_path, cache_path):
        OmegaConf.register_new_resolver(resolver.__name__, resolver, replace=True)
    OmegaConf.register_new_resolver("tracking_uri", _tracking_uri, replace=True)
    OmegaConf.register_new_resolver("shell_quote", shlex.quote, replace=True)
    ConfigStore.instance().store(name="schema", node=Config)


def _tracking_uri() -> str:
    """Return the user's MLflow store, or one SQLite file in mlruns/; like MLflow, an empty variable is none."""
    return os.environ.get("MLFLOW_TRACKING_URI", "").strip() or sqlite_uri(work_path("mlruns/mlflow.db"))


def typed(node: DictConfig) -> Config:
    """Return what Hydra composed, resolved and checked, its folders absolute.

    Raises:
        UserError: a value is out of its range, or a path that must exist does not.
        OmegaConfBaseException: a value is missing or cannot be resolved.
    """
    config = unchecked(node)
    _check(config)
    config.data.cache = absolute(config.data.cache)
    config.environments.folder = absolute(config.environments.folder)
    config.data.root = config.data.root and absolute(config.data.root)
    return config


def unchecked(node: DictConfig) -> Config:
    """Return what Hydra composed for a sweep as a whole, where its choices are not made yet."""
    config = OmegaConf.to_object(node)
    assert isinstance(config, Config)
    return config


def compose(overrides: list[str]) -> Config:
    """Return the configuration that `train.py` would have with these overrides.

    Raises:
        UserError, HydraException, OmegaConfBaseException: as `train.py` would.
    """
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return typed(hydra_compose("config", overrides))


def store(uri: str | None, experiment: str | None) -> TrackingConfig:
    """Return where runs are kept, as configured; another store or experiment where it is named."""
    configured = compose(["data.root=null"]).tracking  # it needs no data, wherever KERASBENCH_DATA points
    return replace(configured, uri=uri or configured.uri, experiment=experiment or configured.experiment)


def backend_named(name: str) -> BackendConfig:
    """Return a backend's configuration as its file gives it."""
    register()
    merged = OmegaConf.merge(OmegaConf.structured(BackendConfig), OmegaConf.load(CONF / "backend" / f"{name}.yaml"))
    backend = OmegaConf.to_object(merged)
    assert isinstance(backend, BackendConfig)
    return backend
