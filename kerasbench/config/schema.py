"""The typed configuration: an unknown key or a wrong type is an error that names the key.

A key that conf/config.yaml shows is documented there, every other key by its comment here: docs/reference.md is
generated from both.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from omegaconf import MISSING

# One statement: ruff's isort would write twelve.
# isort: off
from kerasbench.config.backend_schema import (
    CPU as CPU,
    OWN as OWN,
    BackendConfig as BackendConfig,
    BuildConfig as BuildConfig,
    ChosenSettings as ChosenSettings,
    Device as Device,
    ImageLayout as ImageLayout,
    MatmulPrecision as MatmulPrecision,
    Precision as Precision,
    SettingsConfig as SettingsConfig,
    TunedConfig as TunedConfig,
    Variant as Variant,
)
# isort: on


class DataSource(Enum):
    """Where a data set comes from."""

    auto = "auto"
    real = "real"
    embedded = "embedded"


class InitialWeights(Enum):
    """How all backends get the same initial weights."""

    numpy = "numpy"
    reference = "reference"


@dataclass
class ModelConfig:
    """One network and the training that its authors published, or a user's own network."""

    name: str = MISSING  # the name in tables, tags and `model=`
    module: str = MISSING  # the Python module that defines `function`
    function: str = "build"  # the function that returns the Keras model
    file: str | None = None  # of a user's own model: its file
    digest: str | None = None  # of a user's own model: a hash of its file
    own: bool = False  # true: a user's own model rather than one of the project's
    build: dict[str, Any] = field(default_factory=dict)  # keyword arguments of the function
    # how the same initial weights come to every backend with trainer.init=shared. numpy: drawn in NumPy by layer name;
    # reference: drawn by Keras on the backend parity.reference
    initial_weights: InitialWeights = InitialWeights.reference
    published_optimizer: dict[str, Any] = field(default_factory=dict)  # the optimizer of the model's authors
    # class_name and arguments of a Keras optimizer: changes arguments of the published one, or, with another
    # class_name, replaces it; without either, a compiled model keeps its own, and another gets Adam
    optimizer: dict[str, Any] = field(default_factory=dict)
    schedule: dict[str, Any] = field(default_factory=dict)  # class_name and arguments of a Keras learning rate schedule
    loss: str | None = None  # the Keras loss; null: the compiled model's own, or one that suits the data
    metrics: list[str] | None = None  # Keras metrics; null: the compiled model's own, or those that suit the data
    float64_reference: str | None = None  # a NumPy implementation in double precision, for `task=parity`
    convolutional: bool = False  # true: the network accepts images in either layout
    batch_size: int = MISSING  # the published batch size
    epochs: int = MISSING  # the published number of epochs


class DataTask(Enum):
    """What a model learns from a user's own data."""

    auto = "auto"
    classification = "classification"
    binary = "binary"
    regression = "regression"


@dataclass
class DataConfig:
    """One data set and where it comes from."""

    name: str = MISSING  # the name in tables, tags and `data=`
    loader: str | None = None  # the module in kerasbench/data/ that loads it; null: the one called as the data set
    options: dict[str, Any] = field(default_factory=dict)  # keyword arguments of the loader
    images: bool = False  # true: the inputs are images, which can be augmented
    path: str | None = None  # of a user's own data: the file or folder
    function: str | None = None  # of a user's own data in a Python file: the function that returns the arrays
    label: str | None = None
    scale: str = MISSING
    task: DataTask = DataTask.auto
    test_fraction: float = MISSING
    split_seed: int = MISSING
    source: DataSource = DataSource.auto
    root: str | None = None
    cache: str = MISSING
    train_samples: int | None = None
    test_samples: int | None = None


class Init(Enum):
    """Where initial weights come from."""

    shared = "shared"
    native = "native"


class Noise(Enum):
    """What is done about a run of a sweep with repeats that something disturbed."""

    repeat = "repeat"
    keep = "keep"


class Task(Enum):
    """What a run does."""

    train = "train"
    parity = "parity"


class ParityOptimizer(Enum):
    """The optimizer of a parity run."""

    sgd = "sgd"
    own = "own"


@dataclass
class ParityConfig:
    """The check that a backend computes the same losses as the reference backend."""

    reference: str = MISSING
    steps: int = MISSING
    batch_size: int = MISSING
    optimizer: ParityOptimizer = ParityOptimizer.sgd
    learning_rate: float = MISSING
    tolerance: float = MISSING


@dataclass
class TrainerConfig:
    """How to train."""

    epochs: int = MISSING
    batch_size: int = MISSING
    init: Init = Init.shared
    augment: bool = False
    callbacks: list[Any] = field(default_factory=list)
    fail_on_nan: bool = False
    stall_seconds: float | None = None
    timeout_seconds: float | None = None


@dataclass
class TrackingConfig:
    """The MLflow store."""

    uri: str = MISSING
    artifacts: str = MISSING
    experiment: str = MISSING
    patience_seconds: float = MISSING
    batch_seconds: float = MISSING


@dataclass
class TelemetryConfig:
    """Sampling of CPU, memory and GPU load."""

    interval_seconds: float = MISSING


@dataclass
class EnvironmentsConfig:
    """The backends' Python environments."""

    folder: str = MISSING
    extra: list[str] = field(default_factory=list)
    requirements: str | None = None
    use: bool = False


@dataclass
class LauncherConfig:
    """What each job has for itself where a launcher runs several at once."""

    cores: int | None = None
    allow_contention: bool = False
    locks: str = MISSING
    contention: str | None = None


@dataclass
class SweepConfig:
    """A job's place in its sweep, filled in by the sweep itself."""

    id: str | None = None
    varied: list[str] = field(default_factory=list)
    cells: str | None = None
    summary: str | None = None
    finished: list[str] = field(default_factory=list)
    owner: str | None = None
    command: str | None = None
    store: str | None = None


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
    launcher: LauncherConfig = field(default_factory=LauncherConfig)
    sweep: SweepConfig = field(default_factory=SweepConfig)
    script: str | None = None
    args: str = ""
    seed: int = MISSING
    repeats: int = MISSING
    resume: str = MISSING
    noise: Noise = Noise.repeat
    label: str | None = None
    objective: str = MISSING
    report: bool = MISSING
    quiet: bool = MISSING

    @property
    def weights_from_reference(self) -> bool:
        """Whether the initial weights come from a worker of the backend `parity.reference`."""
        if self.model.initial_weights is InitialWeights.numpy:
            return False
        shared = self.trainer.init is Init.shared and self.backend.name != self.parity.reference
        return shared or self.task is Task.parity
