"""The NVIDIA GPUs that a worker can see, read through NVML."""

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import pynvml

_MIB = 1024 * 1024
_ORDER = "PCI_BUS_ID"  # NVML's order


def _memory(handle: Any) -> Any:
    """Return a GPU's memory as nvidia-smi shows it, without the driver's reserve (616 MiB on an H200)."""
    try:
        return pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)
    except (pynvml.NVMLError_FunctionNotFound, pynvml.NVMLError_NotSupported):  # a driver before 510
        return pynvml.nvmlDeviceGetMemoryInfo(handle)


# The readings of a GPU, by the name of the metric for their mean over an epoch.
_READINGS: dict[str, Callable[[Any], float]] = {
    "utilization_percent": lambda handle: pynvml.nvmlDeviceGetUtilizationRates(handle).gpu,
    "memory_mib": lambda handle: _memory(handle).used / _MIB,
    "power_watts": lambda handle: pynvml.nvmlDeviceGetPowerUsage(handle) / 1000,  # in milliwatts
    "temperature_celsius": lambda handle: pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU),
    "sm_clock_mhz": lambda handle: pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM),
    "memory_clock_mhz": lambda handle: pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_MEM),
    # A counter in millijoules since the driver was loaded; requires Volta or newer.
    "energy_joules": lambda handle: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000,
}


@dataclass(frozen=True)
class Gpu:
    """A GPU as NVML describes it."""

    name: str
    driver: str
    memory_mib: int
    capability: str = ""  # its compute capability; empty if the driver does not tell


def _memory_mib(handle: Any) -> int:
    try:
        return int(_memory(handle).total // _MIB)
    except pynvml.NVMLError:  # a GPU without dedicated memory
        return 0


def _capability(handle: Any) -> str:
    try:
        return ".".join(map(str, pynvml.nvmlDeviceGetCudaComputeCapability(handle)))
    except pynvml.NVMLError:
        return ""


def _visible(handles: list[Any], variables: Mapping[str, str]) -> list[Any]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES makes visible to a worker, in its order.

    CUDA reads indices or UUID prefixes up to the first that matches no GPU, and sees no GPU if one is listed twice
    (source: PyTorch, torch/cuda/__init__.py, `_parse_visible_devices`). MIG instances (`MIG-...`), and indices in
    another order than NVML's, are not resolved: all GPUs are returned.
    """
    asked = variables.get("CUDA_VISIBLE_DEVICES")
    if asked is None or "MIG-" in asked or variables.get("CUDA_DEVICE_ORDER", _ORDER) != _ORDER:
        return handles
    found: list[Any] = []
    for name in map(str.strip, asked.split(",")):
        fitting = [handle for number, handle in enumerate(handles) if name == str(number) or _is(handle, name)]
        if len(fitting) != 1:
            break
        if fitting[0] in found:
            return []
        found += fitting
    return found


def _is(handle: Any, name: str) -> bool:
    try:
        return name.startswith("GPU-") and str(pynvml.nvmlDeviceGetUUID(handle)).startswith(name)
    except pynvml.NVMLError:
        return False


def _processes(handle: Any) -> int:
    try:
        return len(pynvml.nvmlDeviceGetComputeRunningProcesses(handle))
    except pynvml.NVMLError:
        return 0


class Nvml:
    """NVML, initialised inside a `with` block; there are no GPUs if it or the driver is missing."""

    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        """Read only the GPUs that a worker with these environment variables can see."""
        self._variables = variables

    def __enter__(self) -> Self:
        self._handles: list[Any] = []
        self._running = False
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError:
            return self
        self._running = True
        handles = []
        for number in range(pynvml.nvmlDeviceGetCount()):
            with contextlib.suppress(pynvml.NVMLError):  # lost, or no permission
                handles.append(pynvml.nvmlDeviceGetHandleByIndex(number))
        self._handles = _visible(handles, self._variables)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._running:
            pynvml.nvmlShutdown()

    def gpus(self) -> list[Gpu]:
        """Return every GPU's name, driver version and memory."""
        return [
            Gpu(
                name=pynvml.nvmlDeviceGetName(handle),
                driver=pynvml.nvmlSystemGetDriverVersion(),
                memory_mib=_memory_mib(handle),
                capability=_capability(handle),
            )
            for handle in self._handles
        ]

    def processes(self) -> list[int]:
        """Return the number of compute processes on each GPU; 0 if it does not report them.

        Only numbers, because in a container NVML returns the host's process ids.
        """
        return [_processes(handle) for handle in self._handles]

    def sample(self) -> list[dict[str, float]]:
        """Return each GPU's current readings, by the names of `_READINGS`, without those that it does not support."""
        return [self._read(handle) for handle in self._handles]

    def _read(self, handle: Any) -> dict[str, float]:
        figures = {}
        for name, read in _READINGS.items():
            try:
                figures[name] = float(read(handle))
            except pynvml.NVMLError:
                continue
        return figures
