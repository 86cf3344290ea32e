"""NVIDIA's GPUs, through the driver's management library: those that a worker can see."""

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import pynvml

_MIB = 1024 * 1024
_ORDER = "PCI_BUS_ID"  # NVML's


def _memory(handle: Any) -> Any:
    """Return a GPU's memory as nvidia-smi tells it, without what the driver keeps to itself (616 MiB on an H200)."""
    try:
        return pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)
    except (pynvml.NVMLError_FunctionNotFound, pynvml.NVMLError_NotSupported):  # a driver before 510
        return pynvml.nvmlDeviceGetMemoryInfo(handle)


# What is read of a GPU at a time, by the name of the metric that its mean over an epoch has.
_READINGS: dict[str, Callable[[Any], float]] = {
    "utilization_percent": lambda handle: pynvml.nvmlDeviceGetUtilizationRates(handle).gpu,
    "memory_mib": lambda handle: _memory(handle).used / _MIB,
    "power_watts": lambda handle: pynvml.nvmlDeviceGetPowerUsage(handle) / 1000,  # given in milliwatts
    "temperature_celsius": lambda handle: pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU),
    "sm_clock_mhz": lambda handle: pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM),
    "memory_clock_mhz": lambda handle: pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_MEM),
    # A counter since the driver was loaded, given in millijoules; only from the Volta generation on.
    "energy_joules": lambda handle: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000,
}


@dataclass(frozen=True)
class Gpu:
    """A GPU as NVML describes it."""

    name: str
    driver: str
    memory_mib: int


def _memory_mib(handle: Any) -> int:
    try:
        return int(_memory(handle).total // _MIB)
    except pynvml.NVMLError:  # a GPU that shares the machine's memory has none of its own
        return 0


def _visible(handles: list[Any], variables: Mapping[str, str]) -> list[Any]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES leaves a worker, in its order.

    As CUDA reads it: numbers, or beginnings of ids, up to the first that fits no GPU; none at all where a GPU is named
    twice (so says PyTorch, torch/cuda/__init__.py, `_parse_visible_devices`). A part of a GPU (`MIG-...`), and numbers
    in another order than NVML's, are not told apart: then all are returned.
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
    """The library while it is needed; no GPUs where it or its driver is missing."""

    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        """Look only at the GPUs that a worker with these environment variables can see."""
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
            with contextlib.suppress(pynvml.NVMLError):  # one that is lost, or not this user's
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
            )
            for handle in self._handles
        ]

    def processes(self) -> list[int]:
        """Return how many processes compute on each GPU now; 0 where it does not tell.

        How many, not which: in a container, NVML's process numbers are the host's.
        """
        return [_processes(handle) for handle in self._handles]

    def sample(self) -> list[dict[str, float]]:
        """Return what each GPU does now, by the names of `_READINGS`; a figure that a GPU does not give is left out."""
        return [self._read(handle) for handle in self._handles]

    def _read(self, handle: Any) -> dict[str, float]:
        figures = {}
        for name, read in _READINGS.items():
            try:
                figures[name] = float(read(handle))
            except pynvml.NVMLError:
                continue
        return figures
