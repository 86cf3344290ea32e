"""Effects of variants: where a sweep varied more than the backend, each backend's variants against its first one."""

from collections import defaultdict
from dataclasses import dataclass

from kerasbench.report.results import Cell, Ranking, ratio
from kerasbench.report.rounding import interval
from kerasbench.report.verdicts import OPEN, REPEAT, TIE, UNJUDGED
from kerasbench.stats import Estimate

FASTER, SLOWER = "faster", "slower"
_IN_WORDS = {
    TIE: "no detectable difference",
    OPEN: f"no verdict; {REPEAT}",
    UNJUDGED: "not judged; run again on a quiet machine",
}


@dataclass(frozen=True)
class Effect:
    """One variant of a backend.

    Attributes:
        variant, baseline: the competitors' names; the baseline is the backend's that was run first.
        ratio: how many times as long as the baseline it takes.
        noisy: whether other processes disturbed the runs of either.
    """

    backend: str
    variant: str
    baseline: str
    ratio: Estimate
    noisy: bool

    @property
    def outcome(self) -> str:
        """What can be said of it: FASTER or SLOWER where the interval excludes 1, else TIE, OPEN or UNJUDGED."""
        if self.ratio.low is None or self.ratio.high is None:
            return OPEN
        if self.noisy:
            return UNJUDGED
        if self.ratio.high < 1:
            return FASTER
        return SLOWER if self.ratio.low > 1 else TIE

    @property
    def verdict(self) -> str:
        """The same in words."""
        return _IN_WORDS.get(self.outcome, self.outcome)

    @property
    def sentence(self) -> str:
        """The same in a sentence."""
        times, between = interval(self.ratio.value, self.ratio.low, self.ratio.high)
        sure = f" (95% interval {between})" if between else ""
        return f"{self.variant} takes {times} times as long as {self.baseline}{sure}: {self.verdict}."


def effects(ranking: Ranking) -> list[Effect]:
    """Return how each backend's variants compare with its first one; nothing for a backend with a single variant."""
    of_backend: dict[str, list[Cell]] = defaultdict(list)
    for cell in ranking.measured:
        of_backend[cell.backend].append(cell)
    found = []
    for backend in sorted(of_backend):
        baseline, *others = sorted(of_backend[backend], key=lambda cell: min(run.started_at for run in cell.runs))
        for cell in others:
            noisy = cell.noisy or baseline.noisy
            found.append(Effect(backend, cell.competitor, baseline.competitor, ratio(cell, baseline), noisy))
    return found
