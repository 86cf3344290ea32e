"""NVIDIA's GPUs, through the driver's management library."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import pynvml

_MIB = 1024 * 1024

# What is read of a GPU at a time, by the name of the metric that its mean over an epoch has.
_READINGS: dict[str, Callable[[Any], float]] = {
    "utilization_percent": lambda handle: pynvml.nvmlDeviceGetUtilizationRates(handle).gpu,
    "memory_mib": lambda handle: pynvml.nvmlDeviceGetMemoryInfo(handle).used / _MIB,
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
        return int(pynvml.nvmlDeviceGetMemoryInfo(handle).total // _MIB)
    except pynvml.NVMLError:  # a GPU that shares the machine's memory has none of its own
        return 0


class Nvml:
    """The library while it is needed; no GPUs where it or its driver is missing."""

    def __enter__(self) -> Self:
        self._handles: list[Any] = []
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError:
            return self
        for number in range(pynvml.nvmlDeviceGetCount()):
            with contextlib.suppress(pynvml.NVMLError):  # one that is lost, or not this user's
                self._handles.append(pynvml.nvmlDeviceGetHandleByIndex(number))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handles:
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

    def processes(self) -> int:
        """Return how many processes compute on the GPUs now.

        How many, not which: in a container, NVML's process numbers are the host's.
        """
        found = 0
        for handle in self._handles:
            try:
                found += len(pynvml.nvmlDeviceGetComputeRunningProcesses(handle))
            except pynvml.NVMLError:
                continue
        return found

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
