"""The typed configuration of a backend: its settings, builds and environment. The rest is in schema.py."""

from dataclasses import dataclass, field
from enum import Enum

from omegaconf import MISSING


class ImageLayout(Enum):
    """The position of the channel axis in image batches."""

    channels_last = "channels_last"
    channels_first = "channels_first"


class MatmulPrecision(Enum):
    """The precision of float32 matrix products on hardware that offers several."""

    highest = "highest"
    high = "high"
    medium = "medium"


class Precision(Enum):
    """Keras 3's dtype policies."""

    float32 = "float32"
    mixed_bfloat16 = "mixed_bfloat16"
    mixed_float16 = "mixed_float16"


@dataclass
class ChosenSettings:
    """Performance settings; None keeps the framework's default."""

    threads: int | None = None
    jit_compile: bool | None = None
    steps_per_execution: int | None = None
    matmul_precision: MatmulPrecision | None = None
    precision: Precision | None = None
    image_layout: ImageLayout | None = None
    onednn: bool | None = None
    data_on_device: bool | None = None


class Variant(Enum):
    """Where the settings come from that the user leaves open."""

    stock = "stock"
    tuned = "tuned"


@dataclass
class SettingsConfig(ChosenSettings):
    """The settings that the user asks for, and the variant that fills in the others."""

    variant: Variant = Variant.stock
    devices: int = 1  # not among `ChosenSettings`: no framework's tuning advice is a number of devices


@dataclass
class TunedConfig:
    """What `settings.variant=tuned` changes: the framework's published tuning advice."""

    settings: ChosenSettings = field(default_factory=ChosenSettings)  # values of `settings.*` for this backend
    variables: dict[str, str] = field(default_factory=dict)  # environment variables to add or replace


class Device(Enum):
    """What a backend computes on."""

    auto = "auto"
    cpu = "cpu"
    gpu = "gpu"


CPU, OWN = "cpu", "own"  # values of `backend.build`


@dataclass
class BuildConfig:
    """A GPU build of a backend's framework, and the machines that it runs on."""

    name: str = MISSING  # such as cuda12
    requirements: str = MISSING  # the file of pinned packages in requirements/
    platforms: list[str] = field(default_factory=lambda: ["linux-x86_64"])
    driver: str = MISSING  # the oldest NVIDIA driver
    minimum: str | None = None  # the lowest compute capability
    maximum: str | None = None  # the highest compute capability
    capabilities: list[str] = field(default_factory=list)  # those it has machine code for; empty: all in between
    ptx: str | None = None  # the compute capability of its PTX, which the driver compiles for later ones
    ptx_driver: str | None = None  # the oldest driver that compiles its PTX
    libraries: list[str] = field(default_factory=list)  # folders in site-packages, for LD_LIBRARY_PATH


@dataclass
class BackendConfig:
    """One Keras backend: its environment and its settings."""

    name: str = MISSING  # the name in tables, tags and `backend=`
    framework: str = MISSING  # the value of KERAS_BACKEND, and the module whose `__version__` is reported
    adapter: str = MISSING  # the framework's module in kerasbench/worker/frameworks/
    seed_function: str = MISSING  # dotted name of the function that seeds the framework
    python: str = MISSING  # version specifier of the Python interpreter
    requirements: str = MISSING  # the CPU build's file of pinned packages in requirements/
    # an index of its CPU builds, for `requirements` that the configured package sources lack; null: only those sources
    index: str | None = None
    # auto: the first of `builds` that fits the driver and the visible GPUs, else the CPU build | cpu: the CPU build,
    # and the worker sees no GPU | gpu: an error if no GPU build fits
    device: Device = Device.auto
    # GPU builds, the preferred first: name, requirements, platforms, driver (the oldest), the compute capabilities
    # (minimum, maximum, capabilities: those it has code for), ptx, ptx_driver, and
    # libraries (folders in its site-packages for LD_LIBRARY_PATH)
    builds: list[BuildConfig] = field(default_factory=list)
    # instead of what the driver tells, such as 'driver=580.65 capability=9.0', or none: no GPU; null: ask the driver
    facts: str | None = None
    build: str | None = None  # filled in: the chosen build, `cpu`, or `own` for environments.use=true on a GPU
    interpreter: str | None = None  # path of the Python interpreter; null: search the PATH, pyenv, uv and conda
    platforms: list[str] | None = None  # platforms its packages have builds for, such as linux-x86_64; null: all
    post_install: list[str] = field(default_factory=list)  # modules in kerasbench/environments/post_install/ to run
    fixes: list[str] = field(default_factory=list)  # modules in kerasbench/worker/fixes/ that correct defects
    variables: dict[str, str] = field(default_factory=dict)  # environment variables of the worker process
    proof_variables: dict[str, str] = field(default_factory=dict)  # those to add or replace while it is proven
    tuned: TunedConfig = field(default_factory=TunedConfig)
    colour: str | None = None  # hexadecimal colour in every chart; null: derived from the name
    marker: str | None = None  # Matplotlib marker in every plot; null: derived from the name

    @property
    def on_gpu(self) -> bool:
        """Whether it is to compute on a GPU, once `build` is filled in."""
        return self.build not in (None, CPU)

    @property
    def chosen(self) -> BuildConfig | None:
        """The chosen one of `builds`; None for the CPU build and for a user's own environment."""
        return next((one for one in self.builds if one.name == self.build), None)
