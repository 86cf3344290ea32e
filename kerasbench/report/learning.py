"""Do the backends learn alike? Their training losses, from the same weights and the same order of the examples.

Where a model has dropout, each framework draws masks of its own, and losses that start equal drift apart: whether by
more than chance is asked of the last epoch, over the seeds.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from kerasbench import stats
from kerasbench.report.certificate import TOLERANCE
from kerasbench.report.results import Cell, Ranking, Report
from kerasbench.store.runs import Run
from kerasbench.vocabulary import Metric

_LEAST = 3  # backends, and seeds, of which something can be told

_Losses = dict[str, tuple[float, ...]]  # seed -> the loss of each epoch


@dataclass(frozen=True)
class Learning:
    """The training losses of a ranking's backends.

    Attributes:
        ranking: its title, and the variant where there are several.
        seeds: those that more than half of the backends have finished.
        losses: backend -> the mean over these seeds, in each epoch; of every backend that has finished all of them.
        astray: the backends whose loss was no finite number in some epoch; they have no mean.
        spreads: for each epoch, by how much the largest mean exceeds the smallest, relative to it.
        chance: how likely ranks as different as these are by chance alone, in the last epoch, adjusted for the number
            of comparisons; None if it is unknown.
    """

    ranking: str
    seeds: Sequence[str]
    losses: dict[str, list[float]]
    astray: list[str]
    spreads: list[float]
    chance: float | None

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
        """Whether chance explains the differences; None where it cannot be told."""
        if self.astray:
            return False
        return None if self.chance is None else self.chance >= 1 - stats.CONFIDENCE


def learning(report: Report) -> list[Learning]:
    """Return how alike the backends of each ranking learn, those of one variant together."""
    found = [one for ranking in report.rankings for some in _variants(ranking) if (one := _learning(ranking, some))]
    adjusted = iter(stats.holm([one.chance for one in found if one.chance is not None]))
    return [one if one.chance is None else replace(one, chance=next(adjusted)) for one in found]


def _variants(ranking: Ranking) -> list[list[Cell]]:
    alike: dict[str, list[Cell]] = defaultdict(list)
    for cell in ranking.measured:
        alike[cell.measured[0].variant].append(cell)
    return list(alike.values())


def _learning(ranking: Ranking, cells: list[Cell]) -> Learning | None:
    known: dict[str, _Losses] = {
        cell.backend: {run.seed: run.losses for run in runs} for cell in cells if (runs := _comparable(cell))
    }
    having = Counter(seed for losses in known.values() for seed in losses)
    seeds = sorted(seed for seed, backends in having.items() if 2 * backends > len(known))
    whole = {backend: losses for backend, losses in known.items() if seeds and losses.keys() >= set(seeds)}
    if len(whole) < 2:
        return None
    diverged = {cell.backend for cell in cells if any(run.diverged for run in _comparable(cell))}
    astray = [backend for backend in whole if backend in diverged]
    finite = {backend: losses for backend, losses in whole.items() if backend not in astray}
    epochs = range(min((len(losses[seed]) for losses in finite.values() for seed in seeds), default=0))
    means = {
        backend: [fmean(losses[seed][epoch] for seed in seeds) for epoch in epochs]
        for backend, losses in finite.items()
    }
    spreads = [(max(some) - min(some)) / (min(some) or 1.0) for some in zip(*means.values(), strict=True)]
    last = [[losses[seed][epochs[-1]] for seed in seeds] for losses in finite.values()]
    title = " · ".join(filter(None, [ranking.title, cells[0].measured[0].variant]))
    return Learning(title, seeds, means, astray, spreads, _chance(last))


def _comparable(cell: Cell) -> list[Run]:
    """Return the runs that started from shared weights."""
    return [run for run in cell.measured if run.starts_as_others and Metric.LOSS in run.metrics]


def _chance(losses: list[list[float]]) -> float | None:
    """Return the p-value of Friedman's test, each seed being a block (Friedman, JASA 32, 1937).

    It sees ranks alone, so that what rounding makes different must be equal before.
    """
    if len(losses) < _LEAST or len(losses[0]) < _LEAST:
        return None
    if all(max(of_seed) <= min(of_seed) * (1 + TOLERANCE) for of_seed in zip(*losses, strict=True)):
        return 1.0
    from scipy.stats import friedmanchisquare  # takes half a second to import

    return float(friedmanchisquare(*losses).pvalue)
