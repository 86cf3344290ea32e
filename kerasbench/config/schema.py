"""The typed configuration: what conf/ may say, so that a typo is an error that names the key."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from omegaconf import MISSING


class DataSource(Enum):
    """Where a data set may come from."""

    auto = "auto"
    real = "real"
    embedded = "embedded"


class ImageLayout(Enum):
    """Where images have their channels."""

    channels_last = "channels_last"
    channels_first = "channels_first"


class MatmulPrecision(Enum):
    """How exactly float32 products are taken where the hardware has several ways."""

    highest = "highest"
    high = "high"
    medium = "medium"


class Precision(Enum):
    """What is computed in: Keras 3's dtype policies."""

    float32 = "float32"
    mixed_bfloat16 = "mixed_bfloat16"
    mixed_float16 = "mixed_float16"


@dataclass
class ChosenSettings:
    """What decides speed; None leaves it to the framework."""

    threads: int | None = None
    jit_compile: bool | None = None
    steps_per_execution: int | None = None
    matmul_precision: MatmulPrecision | None = None
    precision: Precision | None = None
    image_layout: ImageLayout | None = None
    onednn: bool | None = None


class Variant(Enum):
    """Whose choice the settings are that nobody asked for."""

    stock = "stock"
    tuned = "tuned"


@dataclass
class SettingsConfig(ChosenSettings):
    """The settings asked for, and the variant that fills in the others."""

    variant: Variant = Variant.stock


@dataclass
class TunedConfig:
    """A framework's own published advice."""

    settings: ChosenSettings = field(default_factory=ChosenSettings)
    variables: dict[str, str] = field(default_factory=dict)


@dataclass
class BackendConfig:
    """One Keras backend: its environment, and what it needs set."""

    name: str = MISSING
    framework: str = MISSING
    adapter: str = MISSING
    seed_function: str = MISSING
    python: str = MISSING
    requirements: str = MISSING
    interpreter: str | None = None
    platforms: list[str] | None = None  # where its packages have builds, such as linux-x86_64; None: everywhere
    post_install: list[str] = field(default_factory=list)
    fixes: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    tuned: TunedConfig = field(default_factory=TunedConfig)
    colour: str | None = None
    marker: str | None = None


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
    convolutional: bool = False
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


@dataclass
class TrackingConfig:
    """Where runs are kept."""

    uri: str = MISSING
    artifacts: str = MISSING
    experiment: str = MISSING


@dataclass
class TelemetryConfig:
    """How often a run's load is looked at."""

    interval_seconds: float = MISSING


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
    settings: SettingsConfig = field(default_factory=SettingsConfig)
    telemetry: TelemetryConfig = field(default_factory=TelemetryConfig)
    parity: ParityConfig = field(default_factory=ParityConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    environments: EnvironmentsConfig = field(default_factory=EnvironmentsConfig)
    seed: int = MISSING
    repeats: int = MISSING
    label: str | None = None
    objective: str = MISSING
    report: bool = MISSING
    quiet: bool = MISSING
