"""The NVIDIA GPUs that a worker can see, read through NVML."""

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

import pynvml

_T = TypeVar("_T")
_MIB = 1024 * 1024
_ORDER = "PCI_BUS_ID"  # NVML's order


@dataclass(frozen=True)
class Gpu:
    """A GPU, or a part of one, as its driver describes it.

    Attributes:
        name: of a MIG instance, with its size, such as `MIG 1g.10gb`.
        capability: its compute capability; empty if the driver does not tell.
        state: what the machine's owner can set and affects speed, by the names of `_STATE`.
    """

    name: str
    driver: str
    memory_mib: int
    capability: str = ""
    state: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Device:
    """What CUDA computes on: a whole card, or a MIG instance, which is a part of one."""

    handle: Any
    card: Any

    @property
    def whole(self) -> bool:
        return bool(self.handle is self.card)


def _memory(handle: Any) -> Any:
    """Return a GPU's memory as nvidia-smi shows it, without the driver's reserve (616 MiB on an H200)."""
    try:
        return pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)
    except (pynvml.NVMLError_FunctionNotFound, pynvml.NVMLError_NotSupported):  # a driver before 510
        return pynvml.nvmlDeviceGetMemoryInfo(handle)


# The readings of a GPU, by the name of the metric for their mean over an epoch: of the device itself, of its card, and
# of a card that it does not share with other MIG instances.
_OF_DEVICE: dict[str, Callable[[Any], float]] = {
    "memory_mib": lambda handle: _memory(handle).used / _MIB,
}
_OF_CARD: dict[str, Callable[[Any], float]] = {
    "temperature_celsius": lambda card: pynvml.nvmlDeviceGetTemperature(card, pynvml.NVML_TEMPERATURE_GPU),
    "sm_clock_mhz": lambda card: pynvml.nvmlDeviceGetClockInfo(card, pynvml.NVML_CLOCK_SM),
    "memory_clock_mhz": lambda card: pynvml.nvmlDeviceGetClockInfo(card, pynvml.NVML_CLOCK_MEM),
}
_OF_WHOLE_CARD: dict[str, Callable[[Any], float]] = {
    "utilization_percent": lambda card: pynvml.nvmlDeviceGetUtilizationRates(card).gpu,
    "power_watts": lambda card: pynvml.nvmlDeviceGetPowerUsage(card) / 1000,  # in milliwatts
    # A counter in millijoules since the driver was loaded; requires Volta or newer.
    "energy_joules": lambda card: pynvml.nvmlDeviceGetTotalEnergyConsumption(card) / 1000,
}

# Why a card runs below its clocks (NVML's API reference, nvmlClocksEventReasons): the reading's name and its bits. The
# hardware slowdown bit is set with the other two of the hardware, and alone if the hardware does not say why.
HEAT, HARDWARE, POWER_CAP = "heat_slowdown_percent", "hardware_slowdown_percent", "power_cap_percent"
_THERMAL = pynvml.nvmlClocksEventReasonSwThermalSlowdown | pynvml.nvmlClocksEventReasonHwThermalSlowdown
_BRAKED = pynvml.nvmlClocksEventReasonHwSlowdown | pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown


def _slowdowns(card: Any) -> dict[str, float]:
    """Return for each cause whether it lowers the clocks now: 100 or 0, so that the mean is a percentage of time."""
    try:
        reasons = pynvml.nvmlDeviceGetCurrentClocksEventReasons(card)
    except (pynvml.NVMLError_FunctionNotFound, pynvml.NVMLError_NotSupported):  # a driver before 535
        reasons = pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(card)
    hot = bool(reasons & _THERMAL)
    return {
        HEAT: 100.0 * hot,
        HARDWARE: 100.0 * (bool(reasons & _BRAKED) and not hot),
        POWER_CAP: 100.0 * bool(reasons & pynvml.nvmlClocksEventReasonSwPowerCap),
    }


def _switch(value: int) -> str:
    return "on" if value else "off"


# What the machine's owner can set, by the end of its tag's name.
_STATE: dict[str, Callable[[Any], str]] = {
    "power_limit_watts": lambda card: f"{pynvml.nvmlDeviceGetEnforcedPowerLimit(card) / 1000:.0f}",  # in milliwatts
    "max_sm_clock_mhz": lambda card: str(pynvml.nvmlDeviceGetMaxClockInfo(card, pynvml.NVML_CLOCK_SM)),
    "ecc": lambda card: _switch(pynvml.nvmlDeviceGetEccMode(card)[0]),
    "persistence_mode": lambda card: _switch(pynvml.nvmlDeviceGetPersistenceMode(card)),
    "mig": lambda card: _switch(pynvml.nvmlDeviceGetMigMode(card)[0]),
}


def _answers(questions: Mapping[str, Callable[[Any], _T]], handle: Any) -> dict[str, _T]:
    """Return what a GPU answers, without what it does not support."""
    found = {}
    for name, ask in questions.items():
        with contextlib.suppress(pynvml.NVMLError):
            found[name] = ask(handle)
    return found


def _name(device: _Device) -> str:
    """Return a GPU's name; a MIG instance's has its size, as `nvidia-smi -L` shows it."""
    name = str(_first(pynvml.nvmlDeviceGetName, device, ""))
    if device.whole or "MIG" in name:
        return name
    try:
        size = pynvml.nvmlDeviceGetAttributes_v2(device.handle)
    except pynvml.NVMLError:
        return f"{name} MIG"
    return f"{name} MIG {size.gpuInstanceSliceCount}g.{round(size.memorySizeMB / 1024)}gb"


def _memory_mib(device: _Device) -> int:
    try:
        return int(_memory(device.handle).total // _MIB)
    except pynvml.NVMLError:  # a GPU without dedicated memory
        return 0


def _capability(device: _Device) -> str:
    return ".".join(map(str, _first(pynvml.nvmlDeviceGetCudaComputeCapability, device, ())))


def _first(ask: Callable[[Any], _T], device: _Device, otherwise: _T) -> _T:
    """Return what the device answers, else what its card does."""
    for handle in (device.handle, device.card):
        with contextlib.suppress(pynvml.NVMLError):
            return ask(handle)
    return otherwise


def _devices(card: Any) -> list[_Device]:
    """Return the MIG instances of a card; where MIG is off, or there are none, the card itself."""
    try:
        most = pynvml.nvmlDeviceGetMaxMigDeviceCount(card) if pynvml.nvmlDeviceGetMigMode(card)[0] else 0
    except pynvml.NVMLError:  # a card without MIG
        most = 0
    instances = []
    for place in range(most):
        with contextlib.suppress(pynvml.NVMLError):  # the place is empty
            instances.append(_Device(pynvml.nvmlDeviceGetMigDeviceHandleByIndex(card, place), card))
    return instances or [_Device(card, card)]


def _visible(cards: Sequence[Sequence[_Device]], variables: Mapping[str, str]) -> list[_Device]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES makes visible to a worker, in its order.

    CUDA reads indices or UUID prefixes up to the first that matches no GPU, and sees no GPU if one is listed twice
    (source: PyTorch, torch/cuda/__init__.py, `_parse_visible_devices`). A card's index or UUID means its first MIG
    instance, because CUDA enumerates only one (NVIDIA's MIG user guide, 'CUDA Device Enumeration'). Indices in another
    order than NVML's are not resolved: all cards are returned.

    Args:
        cards: the devices of each card: itself, or its MIG instances.
        variables: the worker's environment.
    """
    asked = variables.get("CUDA_VISIBLE_DEVICES")
    if asked is None or variables.get("CUDA_DEVICE_ORDER", _ORDER) != _ORDER:
        return [devices[0] for devices in cards]
    found: list[_Device] = []
    for name in map(str.strip, asked.split(",")):
        fitting = _called(name, cards)
        if len(fitting) != 1:
            break
        if fitting[0] in found:
            return []
        found += fitting
    return found


def _called(name: str, cards: Iterable[Sequence[_Device]]) -> list[_Device]:
    """Return the devices that an entry of CUDA_VISIBLE_DEVICES may mean."""
    if name.startswith("MIG-"):
        return [device for devices in cards for device in devices if _is(device.handle, name)]
    return [
        devices[0]
        for number, devices in enumerate(cards)
        if name == str(number) or (name.startswith("GPU-") and _is(devices[0].card, name))
    ]


def _is(handle: Any, name: str) -> bool:
    try:
        return str(pynvml.nvmlDeviceGetUUID(handle)).startswith(name)
    except pynvml.NVMLError:
        return False


def _processes(device: _Device) -> int:
    try:
        return len(pynvml.nvmlDeviceGetComputeRunningProcesses(device.handle))
    except pynvml.NVMLError:
        return 0


class Nvml:
    """NVML, initialised inside a `with` block; there are no GPUs if it or the driver is missing."""

    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        """Read only the GPUs that a worker with these environment variables can see."""
        self._variables = variables

    def __enter__(self) -> Self:
        self._devices: list[_Device] = []
        self._running = False
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError:
            return self
        self._running = True
        cards = []
        for number in range(pynvml.nvmlDeviceGetCount()):
            with contextlib.suppress(pynvml.NVMLError):  # lost, or no permission
                cards.append(_devices(pynvml.nvmlDeviceGetHandleByIndex(number)))
        self._devices = _visible(cards, self._variables)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._running:
            pynvml.nvmlShutdown()

    def gpus(self) -> list[Gpu]:
        """Return every GPU's name, driver version, memory, compute capability and state."""
        return [
            Gpu(
                name=_name(device),
                driver=pynvml.nvmlSystemGetDriverVersion(),
                memory_mib=_memory_mib(device),
                capability=_capability(device),
                state=_answers(_STATE, device.card),
            )
            for device in self._devices
        ]

    def processes(self) -> list[int]:
        """Return the number of compute processes on each GPU; 0 if it does not report them.

        Only numbers, because in a container NVML returns the host's process ids.
        """
        return [_processes(device) for device in self._devices]

    def sample(self) -> list[dict[str, float]]:
        """Return each GPU's current readings by their names, without those that it does not support."""
        return [_read(device) for device in self._devices]


def _read(device: _Device) -> dict[str, float]:
    figures = _answers(_OF_WHOLE_CARD, device.card) if device.whole else {}
    figures |= _answers(_OF_DEVICE, device.handle) | _answers(_OF_CARD, device.card)
    with contextlib.suppress(pynvml.NVMLError):
        figures |= _slowdowns(device.card)
    return {name: float(value) for name, value in figures.items()}
