"""What the report makes of runs: the cells of a ranking, rankings, and all of them together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, median

from kerasbench import stats
from kerasbench.stats import Estimate
from kerasbench.store.quality import ACCURACY, Quality, quality_of
from kerasbench.store.runs import Run
from kerasbench.vocabulary import DEVICES, Metric, Tag

STEADY, FIRST = Metric.STEADY_EPOCH_SECONDS, Metric.FIRST_EPOCH_SECONDS
_ONCE = {
    "start": Metric.START_SECONDS,
    "import": Metric.IMPORT_SECONDS,
    "load": Metric.LOAD_SECONDS,
    "build": Metric.BUILD_SECONDS,
    "compile": Metric.COMPILE_SECONDS,
}
PHASES = (*_ONCE, "train", "validate", "other")
_QUIET = 2  # runs without noise: fewer give no interval


@dataclass(eq=False)
class Cell:
    """A competitor's runs in one ranking.

    Other processes that load the machine during a run, or a hot GPU, make it slower, so a run that is tagged as noisy
    is left out of the times where at least two quiet ones remain, as nvbench discards throttled samples. Where fewer
    remain, the cell keeps its noisy runs, so that it still has a figure, and is `noisy`: it decides no verdict.

    Attributes:
        metric: what is ranked, STEADY or FIRST.
        environment: what tells its runs from those of the same name in other environments; empty if there are none.
    """

    metric: str
    runs: Sequence[Run]
    environment: str = ""

    @property
    def backend(self) -> str:
        """The backend's name."""
        return self.runs[0].backend

    @property
    def variant(self) -> str:
        """What distinguishes it from other cells of its backend, as KEY=VALUE; empty if nothing does."""
        return " ".join(filter(None, [self.runs[0].variant, self.environment]))

    @property
    def competitor(self) -> str:
        """The name under which it is ranked: its backend and its variant."""
        return " · ".join(filter(None, [self.backend, self.variant]))

    @property
    def devices(self) -> int:
        """How many devices shared the batches of its runs."""
        return self.runs[0].devices

    @property
    def on_one_device(self) -> str:
        """The competitor that differs from it only in that it computes on one device; itself, if it does."""
        others = " ".join(self.variant.replace(f"{DEVICES}={self.devices}", "").split())
        return " · ".join(filter(None, [self.backend, others]))

    @cached_property
    def measured(self) -> list[Run]:
        """Its finished runs that have the ranked figure."""
        return [run for run in self.runs if run.finished and run.metrics.get(self.metric, 0) > 0]

    @property
    def disturbed(self) -> list[Run]:
        """The measured runs that are tagged as noisy."""
        return [run for run in self.measured if Tag.NOISE in run.tags]

    @property
    def diverged(self) -> int:
        """How many of the measured runs had a loss that was no finite number."""
        return sum(run.diverged for run in self.measured)

    @cached_property
    def timed(self) -> list[Run]:
        """The measured runs whose times count, each as one sample: the quiet ones, or all where these are too few."""
        quiet = [run for run in self.measured if Tag.NOISE not in run.tags]
        return quiet if len(quiet) >= _QUIET else self.measured

    @property
    def noisy(self) -> bool:
        """Whether noisy runs are among those whose times count."""
        return any(Tag.NOISE in run.tags for run in self.timed)

    @cached_property
    def samples(self) -> list[float]:
        """The ranked figure of each timed run."""
        return self.values(self.metric)

    @cached_property
    def seconds(self) -> Estimate | None:
        """Their geometric mean with its interval; None where no run was measured."""
        return stats.estimate(self.samples) if self.samples else None

    @cached_property
    def variation(self) -> float | None:
        """Their coefficient of variation."""
        return stats.coefficient_of_variation(self.samples)

    @property
    def unsteady(self) -> bool:
        """Whether the runs differ more among themselves than a comparison should bear."""
        return (self.variation or 0) > stats.UNSTEADY

    def tagged(self, tag: str) -> list[str]:
        """Return the values that a tag has in its runs."""
        return sorted({run.tags[tag] for run in self.runs if tag in run.tags})

    def values(self, metric: str) -> list[float]:
        """Return a run-level metric of every timed run that has it."""
        return [run.metrics[metric] for run in self.timed if metric in run.metrics]

    def last(self, metric: str) -> list[float]:
        """Return a per-epoch metric's last value in every measured run that has it, finite or not."""
        return [run.metrics[metric] for run in self.measured if metric in run.metrics]

    def best(self, quality: Quality) -> list[float]:
        """Return the best value of any epoch in every measured run that has one."""
        return [quality.best(values) for run in self.measured if (values := run.by_epoch(quality.metric))]

    @property
    def examples_per_second(self) -> list[float]:
        """The training examples of an epoch over the ranked seconds, of every run; the last epoch tells how many."""
        speed, seconds = Metric.EXAMPLES_PER_SECOND, Metric.EPOCH_SECONDS
        known = [run.metrics for run in self.timed if {speed, seconds} <= run.metrics.keys()]
        return [one[speed] * one[seconds] / one[self.metric] for one in known]

    def seconds_to(self, target: float) -> list[float]:
        """Return each run's training seconds until an accuracy; infinite where it does not reach it.

        Leaving such runs out would flatter the others.
        """
        reached = [_seconds_to(target, run) for run in self.timed if Metric.VAL_ACCURACY in run.metrics]
        return [math.inf if seconds is None else seconds for seconds in reached]

    @cached_property
    def phases(self) -> dict[str, float]:
        """Where the time of a run went, in seconds: means over the runs, for only they add up."""
        parts = [_phases(run) for run in self.timed if Metric.TOTAL_SECONDS in run.metrics]
        return {name: fmean(part[name] for part in parts) for name in PHASES} if parts else {}


def _seconds_to(target: float, run: Run) -> float | None:
    accuracy = run.history(Metric.VAL_ACCURACY)
    seconds = run.history(Metric.EPOCH_SECONDS)
    return stats.seconds_to(target, [accuracy.get(epoch, -math.inf) for epoch in seconds], list(seconds.values()))


def _phases(run: Run) -> dict[str, float]:
    spent = {name: run.metrics.get(metric, 0.0) for name, metric in _ONCE.items()}
    spent["train"] = max(0.0, sum(run.by_epoch(Metric.EPOCH_SECONDS)) - spent["compile"])
    spent["validate"] = sum(run.by_epoch(Metric.VALIDATION_SECONDS))
    return spent | {"other": max(0.0, run.metrics[Metric.TOTAL_SECONDS] - sum(spent.values()))}


@dataclass(eq=False)
class Ranking:
    """Cells that may be compared: one model, data set, machine and set of settings.

    Attributes:
        title: the model, and what tells this ranking from the model's others.
        slug: the title as a part of a file's name.
        cells: the fastest first, those without a measured run last.
        differs_in: what tells it from the model's other rankings, in words; empty where it is the only one.
        references: published runs of the same model, which are not ranked.
    """

    title: str
    slug: str
    model: str
    metric: str
    cells: Sequence[Cell]
    differs_in: str = ""
    references: Sequence[Run] = ()

    @property
    def runs(self) -> list[Run]:
        """All its runs."""
        return [run for cell in self.cells for run in cell.runs]

    @property
    def example(self) -> Run:
        """A run that tells what all of them have in common."""
        return self.runs[0]

    @cached_property
    def measured(self) -> list[Cell]:
        """The cells that have a figure."""
        return [cell for cell in self.cells if cell.samples]

    @cached_property
    def ratios(self) -> dict[str, Estimate]:
        """How many times as long as the fastest each takes."""
        if not self.measured:
            return {}
        fastest, *others = self.measured
        own = Estimate(1.0, None, None, len(fastest.samples))
        return {fastest.competitor: own} | {cell.competitor: ratio(cell, fastest) for cell in others}

    @cached_property
    def speedups(self) -> dict[str, Estimate]:
        """How many times as fast as on one device each cell is, of those that were measured on one and on several."""
        single = {cell.competitor: cell for cell in self.measured if cell.devices == 1}
        several = [cell for cell in self.measured if cell.devices > 1 and cell.on_one_device in single]
        found = {cell.competitor: ratio(single[cell.on_one_device], cell) for cell in several}
        for name in {cell.on_one_device for cell in several}:
            found[name] = Estimate(1.0, None, None, len(single[name].samples))
        return found

    @cached_property
    def quality(self) -> Quality | None:
        """What tells how well its models have learned: an accuracy, else a loss."""
        return quality_of([run for cell in self.measured for run in cell.measured])

    @cached_property
    def target(self) -> float | None:
        """The highest whole per cent of validation accuracy that more than half of the cells reach."""
        reached = (values for cell in self.measured if (values := cell.best(ACCURACY)))
        best = sorted(map(median, reached), reverse=True)
        if not best:
            return None
        percent = math.floor(best[len(best) // 2] * 100 + 1e-9)
        return percent / 100 if percent > 0 else None


def ratio(cell: Cell, other: Cell) -> Estimate:
    """Return how many times as long as another a cell takes.

    It is taken within the rounds that both have, where they have at least two in common and these are most of the
    rounds of the one with fewer; a round in which one failed is left out. Else all samples are compared without pairs.
    """
    ours, theirs = (
        {run.round: seconds for run, seconds in zip(one.timed, one.samples, strict=True)} for one in (cell, other)
    )
    shared = [pair for pair in ours if pair in theirs]
    once = len(ours) == len(cell.samples) and len(theirs) == len(other.samples)  # each round
    if once and len(shared) > 1 and 2 * len(shared) > min(len(ours), len(theirs)):
        return stats.paired_ratio([ours[pair] for pair in shared], [theirs[pair] for pair in shared])
    return stats.ratio(cell.samples, other.samples)


@dataclass(frozen=True)
class Parity:
    """One line of the certificate: what the newest sweep found of a competitor and a model."""

    backend: str
    competitor: str
    model: str
    passed: bool
    deviation: float | None
    reference: str
    tolerance: str
    reason: str
    at: float


@dataclass(eq=False)
class Report:
    """All that the report tells.

    Attributes:
        sweeps: those asked for; empty: all runs of the experiment.
        rankings: what may be compared.
        certificate: of every backend and model whose parity was measured in the experiment.
        references: published runs.
    """

    uri: str
    experiment: str
    sweeps: Sequence[str]
    rankings: Sequence[Ranking]
    certificate: Sequence[Parity]
    references: Sequence[Run]

    @property
    def subject(self) -> str:
        """What it is about, in a word or two."""
        return ", ".join(self.sweeps) or self.experiment

    @cached_property
    def runs(self) -> list[Run]:
        """All ranked runs, the finished and the others."""
        return [run for ranking in self.rankings for run in ranking.runs]

    @property
    def unranked_references(self) -> list[Run]:
        """The published runs that stand beside no ranking."""
        ranked = {ranking.model for ranking in self.rankings}
        return [run for run in self.references if run.model not in ranked]
