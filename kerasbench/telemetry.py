"""CPU, memory and GPU load of a run, sampled from the driver, so that measuring costs the worker nothing."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import fmean
from types import TracebackType
from typing import Any, Self

import psutil
import pynvml

_MIB = 1024 * 1024
_INTERVAL_SECONDS = 0.25

_GPU_READINGS: dict[str, Callable[[Any], float]] = {
    "utilization_percent": lambda handle: pynvml.nvmlDeviceGetUtilizationRates(handle).gpu,
    "memory_mib": lambda handle: pynvml.nvmlDeviceGetMemoryInfo(handle).used / _MIB,
    "power_watts": lambda handle: pynvml.nvmlDeviceGetPowerUsage(handle) / 1000,  # given in milliwatts
}


@dataclass(frozen=True)
class Gpu:
    """A GPU as NVML describes it."""

    name: str
    driver: str
    memory_mib: int


class Nvml:
    """NVIDIA's management library while it is needed; no GPUs where it or its driver is missing."""

    def __enter__(self) -> Self:
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError:
            self._handles = []
            return self
        self._handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
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
                memory_mib=pynvml.nvmlDeviceGetMemoryInfo(handle).total // _MIB,
            )
            for handle in self._handles
        ]

    def sample(self) -> dict[str, float]:
        """Return what every GPU does now, under its metric name; a figure that a GPU does not give is left out."""
        figures = {}
        for number, handle in enumerate(self._handles):
            for name, read in _GPU_READINGS.items():
                try:
                    figures[f"gpu_{number}_{name}"] = float(read(handle))
                except pynvml.NVMLError:
                    continue
        return figures


@dataclass(frozen=True)
class _Sample:
    at: float  # seconds since the epoch
    cpu_seconds: float  # used by the process tree so far
    rss_mib: float
    gpus: dict[str, float] = field(default_factory=dict)


class Telemetry:
    """Samples a process tree and the GPUs in a thread, from `with` to its end."""

    def __init__(self, pid: int, nvml: Nvml) -> None:
        self._process = psutil.Process(pid)
        self._nvml = nvml
        self._samples: list[_Sample] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(_INTERVAL_SECONDS):
            try:
                self._samples.append(self._take())
            except psutil.NoSuchProcess:
                return

    def _take(self) -> _Sample:
        cpu_seconds = rss = 0.0
        for process in [self._process, *self._process.children(recursive=True)]:
            with process.oneshot():
                times = process.cpu_times()
                cpu_seconds += times.user + times.system
                rss += process.memory_info().rss
        return _Sample(time.time(), cpu_seconds, rss / _MIB, self._nvml.sample())

    def between(self, started_at: float, ended_at: float) -> dict[str, float]:
        """Return the mean of each metric over the samples taken in an epoch; nothing for what was not sampled.

        CPU percent (100: one core) is CPU time over wall time between the first and the last of them.
        """
        samples = [sample for sample in self._samples if started_at <= sample.at <= ended_at]
        if not samples:
            return {}
        figures = {"rss_mib": fmean(sample.rss_mib for sample in samples)}
        first, last = samples[0], samples[-1]
        if last.at > first.at:
            figures["cpu_percent"] = 100 * (last.cpu_seconds - first.cpu_seconds) / (last.at - first.at)
        for name in samples[0].gpus:
            figures[name] = fmean(sample.gpus[name] for sample in samples if name in sample.gpus)
        return figures
