"""Do the backends learn alike? Their training losses, from the same weights and the same order of the examples.

A training step of the user's own may report no `loss`: then its `val_loss` is compared, where it has one.

Where a model has dropout, each framework draws its own masks, and losses that start equal drift apart. Friedman's test
of the last epoch, with the seeds as blocks, says whether they drift apart by more than chance. With few seeds it cannot
say so, however different the losses are: then the verdict stays open.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from statistics import fmean

from kerasbench import stats
from kerasbench.report.certificate import TOLERANCE
from kerasbench.report.results import Cell, Ranking, Report
from kerasbench.store.runs import Run
from kerasbench.vocabulary import Metric

_LEAST = 3  # backends that Friedman's test compares
_LEVEL = 1 - stats.CONFIDENCE

_LOSSES = (Metric.LOSS, Metric.VAL_LOSS)
_Losses = dict[str, tuple[float, ...]]  # seed -> the loss of each epoch


@dataclass(frozen=True)
class Learning:
    """The training losses of a ranking's backends.

    Attributes:
        ranking: its title, and the variant where there are several.
        metric: the loss that is compared.
        seeds: those that more than half of the backends have finished.
        losses: backend -> the mean over these seeds, in each epoch; of every backend that has finished all of them.
        astray: the backends whose loss was no finite number in some epoch; they have no mean.
        spreads: for each epoch, by how much the largest mean exceeds the smallest, relative to it.
        equal: whether rounding alone explains the differences of the last epoch, under every seed.
        chance: how likely ranks as different as these are by chance alone, in the last epoch, adjusted for the number
            of comparisons; None if it was not tested.
        seeds_needed: the number of seeds from which on the test can find a difference, after the same adjustment; None
            with fewer than three backends.
    """

    ranking: str
    metric: str
    seeds: Sequence[str]
    losses: dict[str, list[float]]
    astray: list[str]
    spreads: list[float]
    equal: bool
    chance: float | None
    seeds_needed: int | None = None

    @property
    def spread(self) -> float:
        """The largest spread of an epoch."""
        return max(self.spreads, default=0.0)

    @property
    def widest(self) -> int:
        """The epoch, counted from 1, with the largest spread."""
        return self.spreads.index(self.spread) + 1 if self.spreads else 0

    @property
    def alike(self) -> bool | None:
        """Whether rounding or chance explains the differences; None where the test could not have denied it."""
        if self.astray:
            return False
        if self.equal:
            return True
        if self.chance is None or self.seeds_needed is None or len(self.seeds) < self.seeds_needed:
            return None
        return self.chance >= _LEVEL

    @property
    def needs(self) -> str:
        """What would close an open verdict."""
        return f"repeats={self.seeds_needed}" if self.seeds_needed else f"{_LEAST} backends, with repeats={_LEAST}"


def learning(report: Report) -> list[Learning]:
    """Return how alike the backends of each ranking learn, those of one variant together."""
    found = [one for ranking in report.rankings for some in _variants(ranking) if (one := _learning(ranking, some))]
    return [_adjusted(one, [other.chance for other in found if other is not one]) for one in found]


def _adjusted(one: Learning, others: list[float | None]) -> Learning:
    """Adjust the p-value of one ranking for those of the others, and find how many seeds could deny that it is alike.

    The smallest p-value of three backends under three seeds is 0.0498, and 0.0996 after Holm beside a second ranking.
    """
    backends, beside = len(one.losses), [chance for chance in others if chance is not None]
    if backends < _LEAST:
        return one
    needed = next(n for n in count(1) if stats.holm([stats.least_friedman(backends, n), *beside])[0] < _LEVEL)
    chance = None if one.chance is None else stats.holm([one.chance, *beside])[0]
    return replace(one, chance=chance, seeds_needed=needed)


def _variants(ranking: Ranking) -> list[list[Cell]]:
    alike: dict[str, list[Cell]] = defaultdict(list)
    for cell in ranking.measured:
        alike[cell.measured[0].variant].append(cell)
    return list(alike.values())


def _learning(ranking: Ranking, cells: list[Cell]) -> Learning | None:
    metric = _metric(cells)
    comparable = {_name(cell): runs for cell in cells if (runs := _comparable(cell, metric))}
    known: dict[str, _Losses] = {
        name: {run.seed: _losses(run, metric) for run in runs} for name, runs in comparable.items()
    }
    having = Counter(seed for losses in known.values() for seed in losses)
    seeds = sorted(seed for seed, backends in having.items() if 2 * backends > len(known))
    whole = {backend: losses for backend, losses in known.items() if seeds and losses.keys() >= set(seeds)}
    if len(whole) < 2:
        return None
    diverged = {name for name, runs in comparable.items() if any(run.diverged for run in runs)}
    astray = [backend for backend in whole if backend in diverged]
    finite = {backend: losses for backend, losses in whole.items() if backend not in astray}
    epochs = range(min((len(losses[seed]) for losses in finite.values() for seed in seeds), default=0))
    means = {
        backend: [fmean(losses[seed][epoch] for seed in seeds) for epoch in epochs]
        for backend, losses in finite.items()
    }
    spreads = [_spread(some) for some in zip(*means.values(), strict=True)]
    last = [[losses[seed][epochs[-1]] for seed in seeds] for losses in finite.values()]
    title = " · ".join(filter(None, [ranking.title, cells[0].measured[0].variant]))
    equal = all(max(some) - min(some) <= abs(min(some)) * TOLERANCE for some in zip(*last, strict=True))
    return Learning(title, metric, seeds, means, astray, spreads, equal, None if equal else _chance(last))


def _spread(losses: Sequence[float]) -> float:
    """Return by how much the largest loss exceeds the smallest, relative to it; a user's own loss may be negative."""
    return (max(losses) - min(losses)) / (abs(min(losses)) or 1.0)


def _name(cell: Cell) -> str:
    return f"{cell.backend} {cell.environment}".rstrip()


def _metric(cells: list[Cell]) -> str:
    """Return the loss that all runs have, the training's if possible."""
    runs = [run for cell in cells for run in cell.measured if run.starts_as_others]
    return next((name for name in _LOSSES if all(name in run.metrics for run in runs)), Metric.LOSS)


def _comparable(cell: Cell, metric: str) -> list[Run]:
    """Return the runs that started from shared weights."""
    return [run for run in cell.measured if run.starts_as_others and metric in run.metrics and _losses(run, metric)]


def _losses(run: Run, metric: str) -> tuple[float, ...]:
    return run.losses if metric == Metric.LOSS else run.by_epoch(metric)


def _chance(losses: list[list[float]]) -> float | None:
    """Return the p-value of Friedman's test, each seed being a block; None where it can never be below 5%.

    The test sees ranks alone, so losses that differ by rounding must not reach it.
    """
    if len(losses) < _LEAST or stats.least_friedman(len(losses), len(losses[0])) >= _LEVEL:
        return None
    return stats.friedman(losses)
