"""Samples the CPU, memory and GPU load of a run from the driver, without hooks in the worker."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from types import TracebackType
from typing import Protocol, Self

import psutil

from kerasbench.machine import hardware
from kerasbench.machine.nvml import HARDWARE, HEAT
from kerasbench.worker.protocol import now

_MIB = 1024 * 1024
_NOISE_CORE_PERCENT, _NOISE_MACHINE_PERCENT = 10.0, 1.0  # see `noise_limit`
_LISTED_SECONDS = 1.0  # how long a list of the worker's children is reused; making it scans all processes
_CLOCK_JUMP_SECONDS = 1.0  # between the system's clock and the monotonic clock; NTP slews both
_COUNTER = "energy_joules"  # the only reading that is a counter
# The share of an epoch that its samples must span for its energy to be reported, and the seconds: the counter advances
# in steps of up to a tenth of a second (seen on an H200).
_COVERED, _COUNTED_SECONDS = 0.8, 1.0
# The share of the samples of a busy GPU in which a cause may lower its clocks before it counts as noise. The power
# limit is no such cause: it is the card's own, and equal in all runs.
_SLOWED_PERCENT = 5.0
_SLOWED_BY = {HEAT: "heat", HARDWARE: "its hardware (power supply or brake)"}
_USED = "utilization_percent"
_OF_VOCABULARY = (
    "utilization_percent",
    "memory_mib",
    "power_watts",
)  # the others are under `system/`, which MLflow shows last
_PEAKS = ("utilization_percent", "memory_mib", "power_watts", "temperature_celsius")


class Sensors(Protocol):
    """What reads the GPUs."""

    def sample(self) -> list[dict[str, float]]:
        """Return each GPU's current readings by their names."""

    def processes(self) -> list[int]:
        """Return the number of compute processes on each GPU."""


@dataclass(frozen=True)
class _Sample:
    at: float  # by the clock of the worker's events
    cpu_seconds: float  # used by the process tree so far
    # used so far on the run's processors by all other processes except the driver, or stolen by another machine
    other_cpu_seconds: float
    rss_mib: float
    gpus: list[dict[str, float]]
    processes_on_gpus: list[int]


class Telemetry:
    """Samples a process tree, the machine and its GPUs in a thread, inside a `with` block."""

    def __init__(self, pid: int, gpus: Sensors, interval_seconds: float) -> None:
        self._process = psutil.Process(pid)
        self._driver = psutil.Process() if pid != os.getpid() else None  # None: it watches itself
        self._gpus = gpus
        self._cpus = hardware.bound()
        self._interval = interval_seconds
        self._samples: list[_Sample] = []
        self._clock_offsets = [_clock_offset()]
        self._children: list[psutil.Process] = []
        self._listed_every = max(1, round(_LISTED_SECONDS / interval_seconds))  # samples
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
        while not self._ended.wait(self._interval):
            try:
                self._samples.append(self._take())
                self._clock_offsets.append(_clock_offset())
            except psutil.NoSuchProcess:
                return

    def _take(self) -> _Sample:
        cpu_seconds, rss = _usage(self._process)
        if len(self._samples) % self._listed_every == 0:
            self._children = self._process.children(recursive=True)
        for child in self._children:
            with contextlib.suppress(psutil.NoSuchProcess):  # a child, such as a compiler, may exit at any time
                of_child = _usage(child)
                cpu_seconds += of_child[0]
                rss += of_child[1]
        other = _busy_seconds(self._cpus) - cpu_seconds
        if self._driver:
            driver = self._driver.cpu_times()
            other -= driver.user + driver.system
        return _Sample(now(), cpu_seconds, other, rss / _MIB, self._gpus.sample(), self._gpus.processes())

    def between(self, started_at: float, ended_at: float) -> dict[str, float]:
        """Return an epoch's metrics, from the samples taken in it; metrics without samples are left out.

        Start and end are times of the clock `kerasbench.worker.protocol.now`.

        Most metrics are means. Peaks (CPU: over one second), other readings and the number of samples are under
        `system/`. CPU percent (100 is one core) and energy are differences between the epoch's first and last sample,
        and need two samples. Energy is scaled to the epoch's full length if the samples span enough of it, and at least
        a second.
        """
        samples = [sample for sample in self._samples if started_at <= sample.at <= ended_at]
        figures: dict[str, float] = {"system/samples": len(samples)}
        if not samples:
            return figures
        rss = [sample.rss_mib for sample in samples]
        figures |= {"rss_mib": fmean(rss), "system/rss_mib_peak": max(rss)}
        if len(samples) > 1:
            figures["cpu_percent"] = _percent(samples, lambda sample: sample.cpu_seconds)
            seconds = zip(samples, samples[self._listed_every :], strict=False)  # else a new child looks like a burst
            peaks = [_percent(pair, lambda one: one.cpu_seconds) for pair in seconds]
            figures["system/cpu_percent_peak"] = max([figures["cpu_percent"], *peaks])
            figures["system/other_cpu_percent"] = _percent(samples, lambda sample: sample.other_cpu_seconds)
        for number in range(len(samples[0].gpus)):
            readings = [(sample.at, sample.gpus[number]) for sample in samples]
            figures |= _of_gpu(number, readings, ended_at - started_at)
        return figures

    def noise(self) -> str | None:
        """Describe in one line what disturbed the run: other processes' CPU load above `noise_limit`, or slowed GPUs.

        None if nothing did.
        """
        if len(self._samples) < 2:
            return None
        found = []
        percent = _percent(self._samples, lambda sample: sample.other_cpu_seconds)
        limit = noise_limit(len(self._cpus or ()))
        if percent > limit:
            found.append(f"other processes used {percent:.0f}% of a core on average ({limit:.0f}% is allowed)")
        for number in range(len(self._samples[0].gpus)):
            found += _slowed(number, [sample.gpus[number] for sample in self._samples])
        return "; ".join(found) or None

    def clock_jump(self) -> str | None:
        """Describe in one line a jump of the system's clock during the run; None if there was none.

        Durations do not depend on that clock; timestamps in the store do.
        """
        first = self._clock_offsets[0]
        furthest = max(self._clock_offsets, key=lambda offset: abs(offset - first)) - first
        if abs(furthest) <= _CLOCK_JUMP_SECONDS:
            return None
        return f"the system's clock jumped by {furthest:+.0f} s (it was set, or the machine was suspended)"

    @property
    def others_on_gpus(self) -> int:
        """The largest number of other processes seen on the GPUs at once; the worker counts as one on each GPU."""
        return max((sum(max(0, on - 1) for on in sample.processes_on_gpus) for sample in self._samples), default=0)


def noise_limit(processors: int | None = None) -> float:
    """Return the CPU load, in percent of one core, above which other processes count as noise over a run.

    The limit is 10% of one core: a parallel step waits for its slowest thread, so losing one core for a tenth of the
    time may cost a tenth of the speed, and more if threads spin as they wait. But 1% of all processors is always
    allowed, which is more from ten processors on: the load of kernel threads, interrupts and monitoring grows with
    the machine, but is spread over all processors.

    Args:
        processors: the number of logical processors that the run may use; None or 0: all of this machine's.
    """
    count = processors or psutil.cpu_count() or 1
    return max(_NOISE_CORE_PERCENT, _NOISE_MACHINE_PERCENT * count)


def _clock_offset() -> float:
    return time.time() - now()


def _usage(process: psutil.Process) -> tuple[float, float]:
    """Return the CPU seconds of a process and of its children that have ended, and its resident bytes."""
    with process.oneshot():
        return sum(process.cpu_times()[:4]), process.memory_info().rss


def _busy_seconds(cpus: frozenset[int] | None) -> float:
    """Return the CPU seconds of all processes so far, including those stolen by other virtual machines.

    Args:
        cpus: counts only these processors; None: all.
    """
    times = [psutil.cpu_times()]
    if cpus is not None:
        times = [one for cpu, one in enumerate(psutil.cpu_times(percpu=True)) if cpu in cpus]
    names = ("user", "nice", "system", "irq", "softirq", "steal")  # user counts guests, too; Linux has them all
    return sum(getattr(one, name, 0.0) for one in times for name in names)


def _percent(samples: Sequence[_Sample], counter: Callable[[_Sample], float]) -> float:
    first, last = samples[0], samples[-1]
    return max(0.0, 100 * (counter(last) - counter(first)) / (last.at - first.at))


def _slowed(number: int, readings: list[dict[str, float]]) -> list[str]:
    """Say what lowered the clocks of a GPU while it was busy; a GPU that does not tell its load always counts as busy.

    An idle GPU lowers its clocks for other reasons, and these affect no run.
    """
    busy = [one for one in readings if one.get(_USED, 1.0) > 0]
    found = []
    for reading, cause in _SLOWED_BY.items():
        values = [one[reading] for one in busy if reading in one]
        if values and fmean(values) > _SLOWED_PERCENT:
            found.append(
                f"{cause} lowered the clocks of GPU {number} in {fmean(values):.0f}% of its samples under load"
                f" ({_SLOWED_PERCENT:.0f}% is allowed){_hottest(busy)}"
            )
    return found


def _hottest(readings: list[dict[str, float]]) -> str:
    degrees = [one["temperature_celsius"] for one in readings if "temperature_celsius" in one]
    return f", at up to {max(degrees):.0f} \N{DEGREE SIGN}C" if degrees else ""


def _of_gpu(number: int, readings: list[tuple[float, dict[str, float]]], seconds: float) -> dict[str, float]:
    figures = {}
    for name in readings[0][1]:
        given = [(at, reading[name]) for at, reading in readings if name in reading]
        values = [value for _, value in given]
        metric = f"gpu_{number}_{name}"
        if name == _COUNTER:
            covered = given[-1][0] - given[0][0]
            if covered >= max(_COUNTED_SECONDS, _COVERED * seconds):
                figures[f"system/{metric}"] = (values[-1] - values[0]) / covered * seconds
                figures[f"system/gpu_{number}_energy_readings"] = len(values)
            continue
        figures[metric if name in _OF_VOCABULARY else f"system/{metric}"] = fmean(values)
        if name in _PEAKS:
            figures[f"system/{metric}_peak"] = max(values)
    return figures
