"""Do the backends compute the same from the same weights? The losses that the ranked runs compute before they train."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from kerasbench.report.results import Ranking, Report
from kerasbench.vocabulary import Metric

_PROBE = Metric.PARITY_PROBE_LOSS
TOLERANCE = 1e-4  # relative: what rounding alone makes of a loss; where runs name none


@dataclass(frozen=True)
class Probe:
    """The spread of the initial weights' losses on the same batch, over the backends of a ranking, relative."""

    ranking: str
    backends: int
    seeds: int
    spread: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether they are equal, but for rounding."""
        return self.spread <= self.tolerance


def probes(report: Report) -> list[Probe]:
    """Return for each ranking the largest relative spread of the probe's loss among runs of one seed."""
    return [found for ranking in report.rankings if (found := probe(ranking))]


def probe(ranking: Ranking, inits: Sequence[str] = ("shared",)) -> Probe | None:
    """Compare the runs of some `trainer.init`; None where fewer than two backends have the probe's loss.

    Only runs of one seed and one variant are compared, since a variant (another precision, another batch) may change
    the loss.
    """
    losses: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
    for run in ranking.runs:
        if run.params.get("trainer.init") in inits and _PROBE in run.metrics:
            losses[run.seed, run.variant].append((run.backend, run.metrics[_PROBE]))
    shared = {alike: some for alike, some in losses.items() if len({backend for backend, _ in some}) > 1}
    if not shared:
        return None
    spread = max(_spread([loss for _, loss in some]) for some in shared.values())
    backends = len({backend for some in shared.values() for backend, _ in some})
    tolerance = float(ranking.example.params.get("parity.tolerance", TOLERANCE))
    return Probe(ranking.title, backends, len({seed for seed, _ in shared}), spread, tolerance)


def _spread(values: Sequence[float]) -> float:
    if any(math.isnan(value) for value in values):
        return math.inf
    middle = abs(median(values))
    return (max(values) - min(values)) / middle if middle else max(values) - min(values)
