"""Composes and checks the configuration, and makes its paths absolute."""

import copy
import functools
import shlex
from dataclasses import replace
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from kerasbench.config import (
    builds,
    checks,
    command_line,
    devices,
    optimizers,
    scripts,
    settings,
    structure,
    unused_overrides,
)
from kerasbench.config.schema import CPU, BackendConfig, Config, TrackingConfig
from kerasbench.paths import CONF, absolute, cache_path, tracking_uri, work_path
from kerasbench.terminal.errors import UserError, one_line


@functools.cache  # OmegaConf takes 15 ms to read the schema
def register() -> None:
    """Register the schema and the resolvers of conf/ with Hydra and OmegaConf; may be called repeatedly."""
    for resolver in (work_path, cache_path, tracking_uri):
        OmegaConf.register_new_resolver(resolver.__name__, resolver, replace=True)
    OmegaConf.register_new_resolver("default_init", _default_init, replace=True)
    OmegaConf.register_new_resolver("shell_quote", shlex.quote, replace=True)
    ConfigStore.instance().store(name="schema", node=Config)
    # Hydra 1.3 copies this singleton, with all schemas, for each composition, and 77 times for --help: half the time.
    ConfigStore.__deepcopy__ = _copied  # type: ignore[attr-defined]


def _copied(store: ConfigStore, memo: object) -> ConfigStore:
    """Copy the groups, but not the schemas in them, which `ConfigStore.load` copies when it hands them out."""
    copied = copy.copy(store)
    copied.repo = _groups_of(store.repo)
    return copied


def _groups_of(repo: dict[str, Any]) -> dict[str, Any]:
    return {name: _groups_of(found) if isinstance(found, dict) else found for name, found in repo.items()}


def _default_init(script: str | None) -> str:
    """Return `trainer.init`: a script draws its own weights, unless the user asks otherwise."""
    return "native" if script else "shared"


def typed(node: DictConfig) -> Config:
    """Return the configuration that Hydra composed, resolved and checked, with absolute folders.

    Raises:
        UserError: a key is unknown, a value is out of its range, or a path that must exist does not.
        OmegaConfBaseException: a value is missing or cannot be resolved.
    """
    structure.known_keys(node)
    config = unchecked(node)
    structure.containers(config)
    config.model.optimizer, config.model.published_optimizer = optimizers.resolved(config.model), {}
    checks.values(config)
    scripts.take(config)
    _make_absolute(config)
    checks.folders(config)
    checks.environment(config)
    builds.resolve(config)
    settings.check_device(config.backend, config.settings)
    devices.check(config)
    return config


def _make_absolute(config: Config) -> None:
    """Resolve paths against the folder in which the command started: `hydra.job.chdir` changes the current one."""
    config.data.root = _absolute("data.root", config.data.root) if config.data.root else None
    config.data.cache = _absolute("data.cache", config.data.cache)
    config.environments.folder = _absolute("environments.folder", config.environments.folder)
    if config.environments.requirements:
        config.environments.requirements = _absolute("environments.requirements", config.environments.requirements)
    if config.environments.use and config.backend.interpreter:
        config.backend.interpreter = _absolute("backend.interpreter", config.backend.interpreter)
    config.launcher.locks = _absolute("launcher.locks", config.launcher.locks)
    config.tracking = absolute_store(config.tracking)


def absolute_store(tracking: TrackingConfig) -> TrackingConfig:
    """Return the store's configuration with absolute paths of the SQLite file and the artifacts' folder.

    Raises:
        UserError: the address is empty, or the store is in memory and would be lost with the process.
    """
    uri, artifacts = tracking.uri, tracking.artifacts
    if not uri.strip():
        raise UserError("tracking.uri is empty: name a store, or unset the variable MLFLOW_TRACKING_URI")
    if uri in ("sqlite:", "sqlite://", "sqlite:///", "sqlite:///:memory:"):
        raise UserError(f"tracking.uri={uri} is a store in memory, which the process loses when it ends: name a file")
    if uri.startswith("sqlite:///"):
        uri = "sqlite:///" + _absolute("tracking.uri", uri.removeprefix("sqlite:///"))
    if "://" not in artifacts:
        artifacts = _absolute("tracking.artifacts", artifacts)
    return replace(tracking, uri=uri, artifacts=artifacts)


def _absolute(key: str, path: str) -> str:
    try:
        return absolute(path)
    except RuntimeError as error:  # ~nobody/folder
        raise UserError(f"{key}={path}: {error}") from error


def unchecked(node: DictConfig) -> Config:
    """Return the unchecked configuration of a whole sweep, whose choices are still open."""
    config = OmegaConf.to_object(node)
    assert isinstance(config, Config)
    return config


def compose(overrides: list[str]) -> Config:
    """Return the configuration that `train.py` would have with these overrides.

    Raises:
        UserError, HydraException, OmegaConfBaseException: as `train.py` would.
    """
    config = typed(_composed(overrides))
    unused_overrides.check(overrides, [config])
    return config


def _composed(overrides: list[str]) -> DictConfig:
    register()
    command_line.check(overrides)
    overrides = command_line.adding(overrides)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        try:
            return hydra_compose("config", overrides)
        except (HydraException, OmegaConfBaseException):
            raise
        except Exception as error:  # an override that Hydra does not handle
            raise UserError(one_line(error)) from error


def store(uri: str | None, experiment: str | None) -> TrackingConfig:
    """Return the configured store, with another address or experiment if given."""
    configured = unchecked(_composed([])).tracking  # unchecked: reading a store needs no data and no caches
    return absolute_store(
        replace(configured, uri=uri or configured.uri, experiment=experiment or configured.experiment)
    )


def backend_named(name: str) -> BackendConfig:
    """Return a backend's configuration from its file, with its CPU build.

    A reference backend needs no other: its weights and losses are the same on every machine, and no GPU build is
    downloaded for it.
    """
    register()
    backend = OmegaConf.to_object(_backend_file(name))
    assert isinstance(backend, BackendConfig)
    backend.build = CPU
    return backend


@functools.cache
def _backend_file(name: str) -> DictConfig | ListConfig:
    return OmegaConf.merge(OmegaConf.structured(BackendConfig), OmegaConf.load(CONF / "backend" / f"{name}.yaml"))
