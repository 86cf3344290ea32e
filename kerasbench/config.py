"""The typed configuration: what conf/ may say, and the checks that types cannot express."""

import hashlib
import json
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf

from kerasbench.errors import UserError
from kerasbench.paths import CONF, PROJECT, project_path


class DataSource(Enum):
    """Where a data set may come from."""

    auto = "auto"
    real = "real"
    embedded = "embedded"


@dataclass
class BackendConfig:
    """One Keras backend: its environment, and what it needs set."""

    name: str = MISSING
    framework: str = MISSING
    seed_function: str = MISSING
    python: str = MISSING
    requirements: str = MISSING
    interpreter: str | None = None
    post_install: list[str] = field(default_factory=list)
    fixes: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)


@dataclass
class OptimizerConfig:
    """A Keras optimizer, with every hyper-parameter that Keras versions disagree about."""

    class_name: str = MISSING
    learning_rate: float = MISSING
    rho: float | None = None
    beta_1: float | None = None
    beta_2: float | None = None
    epsilon: float | None = None
    momentum: float | None = None
    decay: float = 0.0


@dataclass
class ModelConfig:
    """One network, and how its authors trained it."""

    name: str = MISSING
    module: str = MISSING
    build: dict[str, Any] = field(default_factory=dict)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    loss: str = "categorical_crossentropy"
    float64_reference: str | None = None
    batch_size: int = MISSING
    epochs: int = MISSING


@dataclass
class DataConfig:
    """One data set, and where it may come from."""

    name: str = MISSING
    loader: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    images: bool = False
    source: DataSource = DataSource.auto
    root: str | None = None
    cache: str = MISSING
    train_samples: int | None = None
    test_samples: int | None = None


class Init(Enum):
    """Where initial weights come from."""

    shared = "shared"
    native = "native"


class Task(Enum):
    """What a run does."""

    train = "train"
    parity = "parity"


class ParityOptimizer(Enum):
    """What the steps of a parity run are taken with."""

    sgd = "sgd"
    own = "own"


@dataclass
class ParityConfig:
    """The certificate that a backend computes the same network as the reference."""

    reference: str = MISSING
    steps: int = MISSING
    batch_size: int = MISSING
    optimizer: ParityOptimizer = ParityOptimizer.sgd
    learning_rate: float = MISSING
    tolerance: float = MISSING


@dataclass
class TrainerConfig:
    """How long and how wide to train."""

    epochs: int = MISSING
    batch_size: int = MISSING
    init: Init = Init.shared
    augment: bool = False
    threads: int | None = None


@dataclass
class TrackingConfig:
    """Where runs are kept."""

    uri: str = MISSING
    artifacts: str = MISSING
    experiment: str = MISSING


@dataclass
class EnvironmentsConfig:
    """Where the backends' environments are kept."""

    folder: str = MISSING


@dataclass
class Config:
    """One run."""

    task: Task = Task.train
    backend: BackendConfig = field(default_factory=BackendConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    parity: ParityConfig = field(default_factory=ParityConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    environments: EnvironmentsConfig = field(default_factory=EnvironmentsConfig)
    seed: int = MISSING
    objective: str = MISSING


def _check(config: Config) -> None:
    """Raise UserError for a value that its type allows and a run cannot use."""
    _at_least(0, "seed", config.seed)
    _at_least(1, "trainer.epochs", config.trainer.epochs)
    _at_least(1, "trainer.batch_size", config.trainer.batch_size)
    _at_least(1, "trainer.threads", config.trainer.threads)
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


def _at_least(least: int, key: str, value: int | None) -> None:
    if value is not None and value < least:
        raise UserError(f"{key} must be at least {least}, not {value}")


def register() -> None:
    """Make the schema and the resolvers that conf/ uses known to Hydra and OmegaConf; again does no harm."""
    OmegaConf.register_new_resolver("project_path", project_path, replace=True)
    ConfigStore.instance().store(name="schema", node=Config)


def typed(node: DictConfig) -> Config:
    """Return what Hydra composed, resolved and checked.

    Raises:
        UserError: a value is out of its range, or a path that must exist does not.
        OmegaConfBaseException: a value is missing or cannot be resolved.
    """
    config = OmegaConf.to_object(node)
    assert isinstance(config, Config)
    _check(config)
    return config


def compose(overrides: list[str]) -> Config:
    """Return the configuration that `train.py` would have with these overrides.

    Raises:
        UserError, HydraException, OmegaConfBaseException: as `train.py` would.
    """
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return typed(hydra_compose("config", overrides))


def backend_named(name: str) -> BackendConfig:
    """Return a backend's configuration as its file gives it."""
    register()
    merged = OmegaConf.merge(OmegaConf.structured(BackendConfig), OmegaConf.load(CONF / "backend" / f"{name}.yaml"))
    backend = OmegaConf.to_object(merged)
    assert isinstance(backend, BackendConfig)
    return backend


def flat(config: Config) -> dict[str, str]:
    """Return every setting under its dotted key, for MLflow's params."""

    def walk(prefix: str, value: Any) -> dict[str, str]:
        if not isinstance(value, dict):
            return {prefix: str(value)}
        items = (walk(f"{prefix}.{key}" if prefix else str(key), item) for key, item in value.items())
        return {key: text for item in items for key, text in item.items()}

    return walk("", plain(config))


def plain(config: Config) -> dict[str, Any]:
    """Return the configuration as dicts, lists, strings and numbers."""
    container = OmegaConf.to_container(OmegaConf.structured(config), resolve=True, enum_to_str=True)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


def digest(config: Config) -> str:
    """Return a short hash of all that decides what is computed: equal for two runs of the same experiment.

    Where the results, the environments and the data are kept does not count.
    """
    settings = plain(config)
    del settings["tracking"], settings["environments"], settings["data"]["root"], settings["data"]["cache"]
    if config.task is Task.train:
        del settings["parity"]
    text = json.dumps(settings, sort_keys=True).replace(str(PROJECT), "")
    return hashlib.sha256(text.encode()).hexdigest()[:16]
