"""The columns of a ranking's table, written once for the page, the terminal, Markdown, CSV and JSON."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean, median, stdev

from kerasbench import stats
from kerasbench.report.results import FIRST, STEADY, Cell, Ranking
from kerasbench.report.rounding import fixed, interval, rounded
from kerasbench.stats import Estimate
from kerasbench.store.quality import ACCURACY, QUALITIES, Quality
from kerasbench.store.runs import finite
from kerasbench.vocabulary import Metric, Tag

NOTHING = "\N{EN DASH}"
STEADIER = "close other programs or raise repeats"  # what to do about runs that differ


@dataclass(frozen=True)
class Value:
    """What one cell of a table shows.

    Attributes:
        text: what is read.
        exact: the number itself; None where the cell holds none.
        low, high: its interval.
        detail: what stands smaller beside it: the interval, or how many runs.
        warning: why the number deserves less trust.
    """

    text: str
    exact: float | None = None
    low: float | None = None
    high: float | None = None
    detail: str = ""
    warning: str = ""


_Shown = Callable[[Ranking, Cell], Value | None]


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        key: its name in CSV and JSON.
        title, unit: its head.
        value: what it shows of a cell of a ranking; None: nothing.
        brief: its rank in a narrow table, from which the lowest goes first; 0: only on the page.
        means: its definition, in a sentence.
        numeric, has_interval: what its values are.
        quality: what it is about; a ranking's tables show its own quality only.
    """

    key: str
    title: str
    unit: str
    value: _Shown
    brief: int = 0
    means: str = ""
    numeric: bool = True
    has_interval: bool = False
    quality: Quality | None = None

    def of(self, ranking: Ranking, cell: Cell) -> Value:
        """Return what it shows of a cell."""
        return self.value(ranking, cell) or Value(NOTHING)

    def head(self, ranking: Ranking) -> str:
        """Return its title with its unit."""
        title = self.name(ranking)
        return f"{title} ({self.unit})" if self.unit else title

    def name(self, ranking: Ranking) -> str:
        """Return its title, as the ranking makes it."""
        if self.key == STEADY and ranking.metric == FIRST:
            return "first epoch"
        if self.key == "seconds_to_accuracy" and ranking.target:
            return f"to {100 * ranking.target:.6g}% accuracy"
        return self.title


def columns(ranking: Ranking, brief: bool = False) -> list[Column]:
    """Return the columns that have something to show."""
    chosen = [column for column in COLUMNS if column.quality in (None, ranking.quality)]
    chosen = [column for column in chosen if column.brief > 0 or not brief]
    return [column for column in chosen if any(column.value(ranking, cell) for cell in ranking.cells)]


def figure(samples: Sequence[float], digits: int | None = None) -> Value | None:
    """Return the median of some samples.

    Args:
        samples: of the runs; there may be none.
        digits: its decimals; None: as the standard error of the samples' mean allows, where several tell it.
    """
    if not samples:
        return None
    middle = median(samples)
    if digits is not None:
        return Value(fixed(middle, digits), middle)
    noise = 2 * stdev(samples) / math.sqrt(len(samples)) if len(samples) > 1 else None
    return Value(rounded(middle, noise), middle)


def _rate(samples: Sequence[float]) -> Value | None:
    """Return the mean of some rates as that of the times is told, so that the two agree."""
    if not samples:
        return None
    found = stats.estimate(samples)
    return Value(interval(found.value, found.low, found.high)[0], found.value)


def _seconds(ranking: Ranking, cell: Cell) -> Value | None:
    if cell.seconds is None:
        return None
    text, between = interval(cell.seconds.value, cell.seconds.low, cell.seconds.high)
    warning = "a single run gives no interval; run with repeats=5" if not between else ""
    if cell.noisy:
        warning = f"noise disturbed {len(cell.disturbed)} of {len(cell.measured)} runs; run again when quiet"
    text += " (first)" if cell.metric == FIRST else ""
    return Value(text, cell.seconds.value, cell.seconds.low, cell.seconds.high, between or "one run", warning)


def _ratio(ranking: Ranking, cell: Cell) -> Value | None:
    found = ranking.ratios.get(cell.competitor)
    if found is None:
        return None
    if cell is ranking.measured[0]:
        return Value("1", 1.0, detail="shortest" if len(ranking.measured) > 1 else "")
    return times(found)


def times(ratio: Estimate) -> Value:
    """Return a ratio as it is shown."""
    text, between = interval(ratio.value, ratio.low, ratio.high)
    return Value(f"{text} \N{MULTIPLICATION SIGN}", ratio.value, ratio.low, ratio.high, between)


def _speedup(ranking: Ranking, cell: Cell) -> Value | None:
    found = ranking.speedups.get(cell.competitor)
    if found is None:
        return None
    return times(found) if cell.devices > 1 else Value("1", 1.0)


def _efficiency(ranking: Ranking, cell: Cell) -> Value | None:
    found = ranking.speedups.get(cell.competitor)
    if found is None:
        return None
    value, low, high = (None if one is None else one / cell.devices for one in (found.value, found.low, found.high))
    assert value is not None
    return Value(f"{100 * value:.0f}%", value, low, high)


def _variation(ranking: Ranking, cell: Cell) -> Value | None:
    if cell.variation is None:
        return None
    warning = f"the runs differ by more than {stats.UNSTEADY:.0%}; {STEADIER}" if cell.unsteady else ""
    return Value(f"{100 * cell.variation:.1f}%", cell.variation, warning=warning)


def _learned(samples: Sequence[float], decimals: int | None) -> Value | None:
    """Return the median of some accuracies or losses; a diverged run's is no number, and has no median."""
    diverged = sum(not finite(value) for value in samples)
    if diverged:
        return Value("not finite", detail=f"{diverged} of {len(samples)} runs" if len(samples) > 1 else "")
    return figure(samples, decimals)


def _to_target(ranking: Ranking, cell: Cell) -> Value | None:
    seconds = cell.seconds_to(ranking.target) if ranking.target else []
    if not seconds:
        return None
    middle, reached = median(seconds), sum(map(math.isfinite, seconds))
    some = f"{reached} of {len(seconds)} runs" if 0 < reached < len(seconds) else ""
    return Value(rounded(middle), middle, detail=some) if math.isfinite(middle) else Value(some or "never")


def _busiest_gpu(cell: Cell, ending: str, of_epochs: Callable[[Sequence[float]], float]) -> list[float]:
    """Return the largest of its GPUs' figures of every run that computed on one."""
    return [
        max(of_epochs(run.by_epoch(metric)) for metric in metrics)
        for run in cell.measured
        if run.device != "cpu"
        and (metrics := [name for name in run.histories if name.startswith("gpu_") and name.endswith(ending)])
    ]


def _of(
    samples: Callable[[Cell], Sequence[float]], shown: Callable[[Sequence[float]], Value | None] = figure
) -> _Shown:
    return lambda ranking, cell: shown(samples(cell))


def _tagged(tag: str) -> _Shown:
    def value(ranking: Ranking, cell: Cell) -> Value | None:
        found = cell.tagged(tag)
        warning = "the runs differ in it; report one sweep alone (--sweep)" if len(found) > 1 else ""
        return Value(", ".join(found), warning=warning) if found else None

    return value


def _runs(ranking: Ranking, cell: Cell) -> Value:
    finished, all_of_them = sum(run.finished for run in cell.runs), len(cell.runs)
    others = sorted({run.status.lower() for run in cell.runs if not run.finished})
    detail = f"{all_of_them - finished} {', '.join(others)}" if others else ""
    return Value(f"{finished} of {all_of_them}", float(finished), detail=detail)


_EPOCH = (
    "Training seconds of a steady epoch, validation excluded: the median of a run's epochs after the first, the "
    "geometric mean of the runs, and its 95% interval."
)
_SPEEDUP = (
    "How many times as fast as the same backend on one device, with its 95% interval: its examples per second over "
    "those of one device."
)
_EFFICIENCY = "The speed-up per device: 100% means that no device waits for another."
_RATIO = "How many times as long as the fastest, with its 95% interval."
_VARIATION = "Coefficient of variation between runs: their standard deviation over their mean."
_TO_ACCURACY = (
    "Training seconds until the validation accuracy is first reached: the highest whole per cent that most reach, if "
    "none was asked for (--accuracy)."
)
_COMPILED = (
    "How the training step was compiled: by XLA, by torch.compile, to C (Theano), to a graph of the framework's own "
    "operators, or not at all (eager)."
)
_COLD = (
    "From the start of the process to the end of its first epoch: start, import, load, build, probe, compilation and "
    "training. Of a user's own process with MlflowCallback: from the start of fit."
)
_NEEDED = "The most that the framework's arrays took on one GPU, without what it had only reserved."
_PEAK = "The largest resident memory of the training process."

_whole = partial(figure, digits=0)
_speed = _of(lambda cell: cell.examples_per_second, _rate)
_first_epoch = _of(lambda cell: cell.values(FIRST) if cell.metric == STEADY else [])
_compilation = _of(lambda cell: cell.values(Metric.COMPILE_SECONDS))
_cold = _of(lambda cell: cell.values(Metric.TIME_TO_FIRST_EPOCH_SECONDS))
_memory = _of(lambda cell: cell.values(Metric.PEAK_RSS_MIB), _whole)
_device_memory = _of(lambda cell: cell.values(Metric.PEAK_DEVICE_MIB), _whole)
_gpu_load = _of(lambda cell: _busiest_gpu(cell, "_utilization_percent", fmean))
_gpu_memory = _of(lambda cell: _busiest_gpu(cell, "_memory_mib", max), _whole)


def _of_quality(quality: Quality) -> list[Column]:
    """Return the columns of the last and of the best value of an accuracy or a loss."""

    def shown(samples: Sequence[float]) -> Value | None:
        return _learned(samples, decimals=4 if quality is ACCURACY else None)

    last, best = _of(lambda cell: cell.last(quality.metric), shown), _of(lambda cell: cell.best(quality), shown)
    which = "highest" if quality.larger_is_better else "lowest"
    said = quality.name.capitalize()
    return [
        Column(f"final_{quality.metric}", f"final {quality.short}", "", last, 5, f"{said} of the last epoch.",
               quality=quality),
        Column(f"best_{quality.metric}", f"best {quality.short}", "", best, 0, f"{said}, the {which} of any epoch.",
               quality=quality),
    ]  # fmt: skip


COLUMNS = (
    Column(STEADY, "epoch", "s", _seconds, 8, _EPOCH, has_interval=True),
    Column("ratio", "ratio", "", _ratio, 7, _RATIO, has_interval=True),
    Column("variation", "variation", "", _variation, 2, _VARIATION),
    Column(Metric.EXAMPLES_PER_SECOND, "examples", "1/s", _speed, 1, "Training examples per second of a steady epoch."),
    Column("speedup", "speed-up", "", _speedup, 6, _SPEEDUP, has_interval=True),
    Column("efficiency", "efficiency", "", _efficiency, 6, _EFFICIENCY, has_interval=True),
    Column(Tag.COMPILATION, "compiled", "", _tagged(Tag.COMPILATION), 4, _COMPILED, numeric=False),
    Column(FIRST, "first epoch", "s", _first_epoch, 0, "It includes what is compiled on first use."),
    Column(Metric.COMPILE_SECONDS, "compile", "s", _compilation, 0, "The first epoch minus a steady one."),
    Column(Metric.TIME_TO_FIRST_EPOCH_SECONDS, "to the first epoch's end, cold", "s", _cold, 0, _COLD),
    *(column for quality in QUALITIES for column in _of_quality(quality)),
    Column("seconds_to_accuracy", "to accuracy", "s", _to_target, 0, _TO_ACCURACY, quality=ACCURACY),
    Column(Metric.PEAK_RSS_MIB, "peak memory", "MiB", _memory, 3, _PEAK),
    Column("gpu_utilization_percent", "GPU load", "%", _gpu_load, 0, "Mean over the epochs, of the busiest GPU."),
    Column("gpu_memory_mib", "GPU memory", "MiB", _gpu_memory, 0, "The most in use on one GPU, reserved or needed."),
    Column(Metric.PEAK_DEVICE_MIB, "GPU memory needed", "MiB", _device_memory, 0, _NEEDED),
    Column(Tag.KERAS_VERSION, "Keras", "", _tagged(Tag.KERAS_VERSION), 0, "Keras' version.", numeric=False),
    Column(Tag.BACKEND_VERSION, "version", "", _tagged(Tag.BACKEND_VERSION), 0, "The backend's.", numeric=False),
    Column("finished_runs", "runs", "", _runs, 6, "How many finished."),
)
