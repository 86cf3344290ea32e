"""Do the backends learn alike? Their training losses, from the same weights and the same order of the examples.

Each framework draws dropout masks of its own, so that losses which start equal drift apart: whether by more than chance
is asked of the last epoch, over the seeds.
"""

from collections import defaultdict
from dataclasses import dataclass
from statistics import fmean

from kerasbench.report.results import Cell, Ranking, Report, Run
from kerasbench.vocabulary import Metric, Tag

_SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Learning:
    """The training losses of a ranking's backends.

    Attributes:
        ranking: its title, and the variant where there are several.
        seeds: how many of them every backend has finished.
        losses: backend -> the mean over the seeds, after each epoch.
        spreads: for each epoch, by how much the largest mean exceeds the smallest, relative to it.
        chance: how likely as different ranks are by chance alone in the last epoch; None of too few backends or seeds.
    """

    ranking: str
    seeds: int
    losses: dict[str, list[float]]
    spreads: list[float]
    chance: float | None

    @property
    def widest(self) -> int:
        """The epoch, counted from 1, with the largest spread."""
        return self.spreads.index(max(self.spreads)) + 1

    @property
    def alike(self) -> bool | None:
        """Whether chance explains the differences; None where it cannot be told."""
        return None if self.chance is None else self.chance >= _SIGNIFICANT


def learning(report: Report) -> list[Learning]:
    """Return how alike the backends of each ranking learn, those of one variant together."""
    return [found for ranking in report.rankings for some in _variants(ranking) if (found := _learning(ranking, some))]


def _variants(ranking: Ranking) -> list[list[Cell]]:
    alike: dict[str, list[Cell]] = defaultdict(list)
    for cell in ranking.measured:
        alike[cell.measured[0].tags.get(Tag.VARIANT, "")].append(cell)
    return list(alike.values())


def _learning(ranking: Ranking, cells: list[Cell]) -> Learning | None:
    by_seed = {cell.backend: _by_seed(cell) for cell in cells}
    seeds = sorted(set.intersection(*map(set, by_seed.values())))
    if len(by_seed) < 2 or not seeds:
        return None
    epochs = range(min(len(by_seed[backend][seed]) for backend in by_seed for seed in seeds))
    losses = {
        backend: [fmean(found[seed][epoch] for seed in seeds) for epoch in epochs] for backend, found in by_seed.items()
    }
    spreads = [max(means) / min(means) - 1 for means in zip(*losses.values(), strict=True) if min(means) > 0]
    if len(spreads) < len(epochs) or not spreads:
        return None
    last = [[found[seed][epochs[-1]] for seed in seeds] for found in by_seed.values()]
    variant = cells[0].measured[0].tags.get(Tag.VARIANT)
    title = " · ".join(filter(None, [ranking.title, variant]))
    return Learning(title, len(seeds), losses, spreads, _chance(last))


def _by_seed(cell: Cell) -> dict[str, tuple[float, ...]]:
    def comparable(run: Run) -> bool:
        return run.params.get("trainer.init") == "shared" and bool(run.by_epoch(Metric.LOSS))

    return {run.params.get("seed", ""): run.by_epoch(Metric.LOSS) for run in cell.measured if comparable(run)}


def _chance(losses: list[list[float]]) -> float | None:
    """Return the p-value of Friedman's test, each seed being a block (Friedman, JASA 32, 1937)."""
    if len(losses) < 3 or len(losses[0]) < 3:
        return None
    if all(len(set(of_seed)) == 1 for of_seed in zip(*losses, strict=True)):
        return 1.0  # the test divides by the differences of their ranks
    from scipy.stats import friedmanchisquare  # takes half a second to import

    return float(friedmanchisquare(*losses).pvalue)
