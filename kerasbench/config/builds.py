"""Chooses the build of a backend's framework that fits the GPU driver and the GPUs; without one, the CPU build."""

import functools
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.version import Version

from kerasbench.config.schema import CPU, OWN, BackendConfig, BuildConfig, Config, Device
from kerasbench.machine.hardware import this_platform
from kerasbench.machine.nvml import Nvml
from kerasbench.paths import REQUIREMENTS
from kerasbench.terminal.errors import UserError

# CUDA shows no GPU to the worker, nor does JAX look for one (JAX's documentation, `JAX_PLATFORMS`).
WITHOUT_GPU = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}

_OF_CUDA = ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER")
_FACTS = {"driver": r"\d+(\.\d+){0,3}", "capability": r"\d{1,2}\.\d", "platform": r"[a-z]\w*-\w+"}
_NO_GPU = "none"
_NAME = re.compile(r"[a-z][a-z0-9]{0,20}")
_VERSION = re.compile(r"\d+(\.\d+){0,3}", re.ASCII)
_EXAMPLE = "'driver=580.65 capability=9.0' or none"


@dataclass(frozen=True)
class Facts:
    """What decides which build fits a machine.

    Attributes:
        platform: the operating system and the processor's architecture, such as linux-x86_64.
        driver: the version of NVIDIA's driver; None without a visible NVIDIA GPU.
        capability: the lowest compute capability of the visible GPUs, such as 9.0; None if the driver does not tell.
        gpus: how many are visible; None if that is not known.
    """

    platform: str
    driver: str | None = None
    capability: str | None = None
    gpus: int | None = field(default=None, compare=False)

    def __str__(self) -> str:
        """In words, for a message."""
        if self.driver is None:
            return f"no NVIDIA GPU, {self.platform}"
        return f"driver {self.driver}, compute capability {self.capability or 'unknown'}, {self.platform}"


@dataclass(frozen=True)
class Choice:
    """The first build that fits, and why those before it do not.

    Attributes:
        build: None if no GPU build fits.
        reasons: one for each build that does not fit, by its name.
    """

    build: BuildConfig | None = None
    reasons: dict[str, str] = field(default_factory=dict)


def choose(builds: Sequence[BuildConfig], facts: Facts) -> Choice:
    """Return the first GPU build that fits, or a reason for each that does not."""
    reasons: dict[str, str] = {}
    for build in builds:
        reason = _misfit(build, facts)
        if not reason:
            return Choice(build, reasons)
        reasons[build.name] = reason
    return Choice(None, reasons)


def _misfit(build: BuildConfig, facts: Facts) -> str:
    """Return why a build does not run on a machine; empty if it does."""
    if facts.driver is None:
        return "no NVIDIA GPU is visible"
    if facts.platform not in build.platforms:
        return f"it is for {', '.join(build.platforms)}, and this is {facts.platform}"
    if _older(facts.driver, build.driver):
        return f"it needs driver {build.driver} or newer, and this is {facts.driver}"
    if facts.capability is None:
        return "the driver does not tell the compute capability"
    return _no_code(build, facts.driver, facts.capability)


def _no_code(build: BuildConfig, driver: str, capability: str) -> str:
    """Return why a build has no code for a GPU; empty if it has.

    Machine code runs on a GPU of the same major and an equal or higher minor compute capability. The driver compiles
    PTX for all later ones, if it is at least as new as the CUDA version that made the PTX. Sources: CUDA Programming
    Guide, 'Binary Compatibility' and 'PTX Compatibility'; CUDA Compatibility, 'Minor Version Compatibility'.
    """
    if build.minimum and _older(capability, build.minimum):
        return f"it needs compute capability {build.minimum} or higher, and this is {capability}"
    if build.maximum and _older(build.maximum, capability):
        return f"its libraries have no code for a compute capability above {build.maximum}, and this is {capability}"
    if not build.capabilities or any(_runs(code, capability) for code in build.capabilities):
        return ""
    if build.ptx is None or _older(capability, build.ptx):
        return f"it has code for compute capability {', '.join(build.capabilities)}, and this is {capability}"
    if build.ptx_driver and _older(driver, build.ptx_driver):
        return (
            f"on compute capability {capability}, it needs driver {build.ptx_driver} or newer, which compiles its PTX, "
            f"and this is {driver}"
        )
    return ""


def _runs(code: str, capability: str) -> bool:
    built, card = Version(code), Version(capability)
    return built.major == card.major and built.minor <= card.minor


def _older(one: str, other: str | None) -> bool:
    return other is not None and Version(one) < Version(other)


def facts_of(backend: BackendConfig) -> Facts:
    """Return the facts that `backend.facts` states, or else those of this machine.

    Raises:
        UserError: `backend.facts` cannot be read.
    """
    if backend.facts is None:
        variables = os.environ | backend.variables
        return _facts_here(this_platform(), tuple((name, variables.get(name)) for name in _OF_CUDA))
    return stated(backend.facts)


@functools.cache  # each initialization of NVML takes milliseconds
def _facts_here(platform: str, variables: tuple[tuple[str, str | None], ...]) -> Facts:
    with Nvml({name: value for name, value in variables if value is not None}) as nvml:
        gpus = nvml.gpus()
    if not gpus:
        return Facts(platform)
    capabilities = [gpu.capability for gpu in gpus if gpu.capability]
    lowest = min(capabilities, key=Version) if len(capabilities) == len(gpus) else None
    return Facts(platform, gpus[0].driver, lowest, len(gpus))


def stated(text: str) -> Facts:
    """Return the facts that a text states: `driver=580.65 capability=9.0`, with `platform=` if it is another; `none`.

    Raises:
        UserError: it states something else.
    """
    words = [] if text.strip() == _NO_GPU else text.split()
    told = dict(word.partition("=")[::2] for word in words)
    valid = all(name in _FACTS and re.fullmatch(_FACTS[name], value, re.ASCII) for name, value in told.items())
    if not valid or len(told) < len(words) or (words and not {"driver", "capability"} <= told.keys()):
        raise UserError(f"backend.facts={text[:60]!r} must be written as {_EXAMPLE}")
    return Facts(told.get("platform", this_platform()), told.get("driver"), told.get("capability"))


def check(builds: Iterable[BuildConfig]) -> None:
    """Raise UserError for a build that cannot be chosen: its name, its file or a version."""
    for build in builds:
        if not _NAME.fullmatch(build.name) or build.name in (CPU, OWN):
            raise UserError(f"backend.builds: the name {build.name[:40]!r} must be letters and digits, such as cuda12")
        versions = (build.driver, build.minimum, build.maximum, build.ptx, build.ptx_driver, *build.capabilities)
        for version in filter(None, versions):
            if not _VERSION.fullmatch(version):
                raise UserError(f"backend.builds: {build.name} has the version {version[:40]!r}; an example is 12.0")
        if not (REQUIREMENTS / build.requirements).is_file():
            raise UserError(f"backend.builds: {REQUIREMENTS} contains no {build.requirements[:80]!r}")
        if any(Path(one).is_absolute() for one in build.libraries):
            raise UserError(f"backend.builds: libraries of {build.name} are folders in its site-packages")


def resolve(config: Config) -> None:
    """Fill in `backend.build`: the build that `backend.device` asks for on this machine.

    Raises:
        UserError: no GPU build fits, and `backend.device=gpu`; or `backend.build` is given.
    """
    backend = config.backend
    check(backend.builds)
    if backend.build is not None:
        raise UserError(f"backend.build={backend.build[:40]!r} is filled in: choose with backend.device=auto|cpu|gpu")
    facts = facts_of(backend)
    if backend.device is Device.cpu:
        backend.build = CPU
    elif config.environments.use:
        backend.build = OWN if facts.driver else None
    else:
        build = choose(backend.builds, facts).build
        backend.build = build.name if build else CPU
    if backend.device is Device.gpu and not backend.on_gpu:
        raise UserError(
            f"backend.device=gpu: {backend.name} has no build for this machine ({facts}): "
            f"{why(backend, facts)}; backend.device=cpu runs it on the CPU, backend.device=auto where a build fits"
        )


def why(backend: BackendConfig, facts: Facts) -> str:
    """Return why a backend has no GPU build for a machine."""
    reasons = choose(backend.builds, facts).reasons
    if not reasons:
        return "no NVIDIA GPU is visible" if facts.driver is None else "it has no GPU build"
    if len(set(reasons.values())) == 1:
        return next(iter(reasons.values()))
    return ", ".join(f"{name}: {reason}" for name, reason in reasons.items())


def announcement(configs: Iterable[Config]) -> list[str]:
    """Return what to say of the builds before a command starts: nothing where no GPU is visible or asked for."""
    backends = {(one.backend.name, one.backend.build): one.backend for one in configs}.values()
    on_gpu = [one for one in backends if one.on_gpu]
    left = [one for one in backends if not one.on_gpu and one.device is Device.auto and facts_of(one).driver]
    lines = [f"{one.name}: build {one.build} ({facts_of(one)})" for one in on_gpu]
    lines += [f"{one.name}: CPU build ({why(one, facts_of(one))})" for one in left]
    on_cpu = [one for one in backends if not one.on_gpu]
    if on_gpu and on_cpu:
        lines.append(
            f"CPU and GPU runs are ranked apart: {_names(on_gpu)} on the GPU, {_names(on_cpu)} on the CPU; "
            "backend.device=cpu runs all on the CPU"
        )
    return lines


def _names(backends: Iterable[BackendConfig]) -> str:
    return ", ".join(dict.fromkeys(one.name for one in backends))
