"""What follows from raw samples: pure functions, each with its source.

The unit of replication is the process: the epochs of one process share its memory layout, its compiled code and its
moment in time, so that its median epoch is one sample, however many epochs it ran (Georges, Buytaert and Eeckhout,
'Statistically rigorous Java performance evaluation', OOPSLA 2007; Kalibera and Jones, 'Rigorous benchmarking in
reasonable time', ISMM 2013).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev

from kerasbench.vocabulary import Metric

CONFIDENCE = 0.95
UNSTEADY = 0.05  # a coefficient of variation above this is warned of
_MANY = 7  # samples from which on nothing is supposed of their distribution


@dataclass(frozen=True)
class Estimate:
    """The median of some samples and the interval that holds it; no interval where a single sample cannot give one.

    Attributes:
        value, low, high: in the unit of the samples.
        count: how many samples there were.
    """

    value: float
    low: float | None
    high: float | None
    count: int


def steady_seconds(epoch_seconds: Sequence[float]) -> float | None:
    """Return the median of the epochs after the first, which carries the compilation; None if there is no other."""
    return median(epoch_seconds[1:]) if len(epoch_seconds) > 1 else None


def epoch_summary(epoch_seconds: Sequence[float]) -> dict[str, float]:
    """Return the run-level metrics that follow from the training seconds of its epochs, in order.

    `compile_seconds` is the first epoch minus a steady one, never below 0. Of a single epoch neither is known.
    """
    if not epoch_seconds:
        return {}
    summary = {Metric.FIRST_EPOCH_SECONDS: epoch_seconds[0]}
    steady = steady_seconds(epoch_seconds)
    if steady is not None:
        summary |= {Metric.STEADY_EPOCH_SECONDS: steady, Metric.COMPILE_SECONDS: max(0.0, epoch_seconds[0] - steady)}
    return summary


def estimate(samples: Sequence[float]) -> Estimate:
    """Return the median of positive samples and its 95% confidence interval.

    Up to six samples: Student's t about the mean of their logarithms, for times are skewed to the right and a bootstrap
    of so few is too narrow (Efron and Tibshirani, 'An introduction to the bootstrap', 1993, 12-14). The median lies in
    it: it is within one standard deviation of the mean, and the interval reaches further. From seven on: the exact
    interval between two order statistics, which supposes nothing of the distribution (Hahn and Meeker, 'Statistical
    intervals', 1991, 5.2; Le Boudec, 'Performance evaluation', 2010, theorem 2.1). Not a bootstrap: that of a median of
    so few takes one of few values, and for seven samples holds the median in 87.5% of cases, not in 95%.

    Raises:
        ValueError: there are no samples, or one is not positive.
    """
    if not samples or min(samples) <= 0:
        raise ValueError(f"positive samples are needed, not {list(samples)}")
    centre, count = median(samples), len(samples)
    if count == 1:
        return Estimate(centre, None, None, 1)
    if min(samples) == max(samples):
        return Estimate(centre, centre, centre, count)
    low, high = _student(samples) if count < _MANY else _between_order_statistics(samples)
    return Estimate(centre, low, high, count)


def _student(samples: Sequence[float]) -> tuple[float, float]:
    logs = [math.log(sample) for sample in samples]
    reach = _t_quantile(len(logs) - 1) * stdev(logs) / math.sqrt(len(logs))
    return _exp(fmean(logs) - reach), _exp(fmean(logs) + reach)


def _exp(logarithm: float) -> float:
    """Return its exponential; infinite where two samples far apart allow anything."""
    try:
        return math.exp(logarithm)
    except OverflowError:
        return math.inf


def _between_order_statistics(samples: Sequence[float]) -> tuple[float, float]:
    """Return the narrowest symmetric interval of samples that holds the median in at least 95% of cases.

    As many samples lie below the median as a fair coin falls heads: the r-th from either end is beyond it with the
    probability that fewer than r of them do.
    """
    ordered, count = sorted(samples), len(samples)
    beyond, rank = 0.0, 0
    for heads in range(count):
        beyond += math.comb(count, heads) / 2**count
        if beyond > (1 - CONFIDENCE) / 2:
            break
        rank = heads + 1
    return ordered[rank - 1], ordered[count - rank]


def _t_quantile(degrees: float) -> float:
    from scipy.special import stdtrit  # Student's t; scipy.stats takes half a second and 50 MiB to import

    return float(stdtrit(degrees, (1 + CONFIDENCE) / 2))


def paired_ratio(samples: Sequence[float], reference: Sequence[float]) -> Estimate:
    """Return how many times as long the samples are as their partners, with which they were taken round by round.

    A drift of the machine between rounds is in both members of a pair, and leaves their ratio alone.
    """
    return estimate([sample / other for sample, other in zip(samples, reference, strict=True)])


def ratio(samples: Sequence[float], reference: Sequence[float]) -> Estimate:
    """Return the ratio of two medians, from samples that are no pairs.

    The interval is Welch's, of the difference of the logarithms' means (Welch, Biometrika 34, 1947); none where either
    has a single sample.
    """
    value = median(samples) / median(reference)
    count = min(len(samples), len(reference))
    if count < 2:
        return Estimate(value, None, None, count)
    ours, theirs = ([math.log(sample) for sample in group] for group in (samples, reference))
    parts = [stdev(group) ** 2 / len(group) for group in (ours, theirs)]
    difference = fmean(ours) - fmean(theirs)
    if sum(parts) == 0:
        return Estimate(value, value, value, count)
    degrees = sum(parts) ** 2 / sum(
        part**2 / (len(group) - 1) for part, group in zip(parts, (ours, theirs), strict=True)
    )
    reach = _t_quantile(degrees) * math.sqrt(sum(parts))
    return Estimate(value, _exp(difference - reach), _exp(difference + reach), count)


def coefficient_of_variation(samples: Sequence[float]) -> float | None:
    """Return the standard deviation over the mean (n - 1 in the deviation); None of a single sample."""
    return stdev(samples) / fmean(samples) if len(samples) > 1 else None


def holm(chances: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number, in their order (Holm, Scandinavian Journal of Statistics 6, 1979).

    Whatever is below 5% after it is so, over all of them, with an error of 5% at most.
    """
    adjusted, largest = [0.0] * len(chances), 0.0
    for rank, place in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
        largest = max(largest, min(1.0, (len(chances) - rank) * chances[place]))
        adjusted[place] = largest
    return adjusted


def seconds_to(target: float, accuracies: Sequence[float], seconds: Sequence[float]) -> float | None:
    """Return the training seconds at the end of the first epoch that reaches the target; None if none does.

    Time to accuracy, as in DAWNBench (Coleman et al., SOSP ML systems workshop 2017), counted in whole epochs.

    Args:
        target: the accuracy wanted.
        accuracies: after each epoch.
        seconds: of each epoch, validation excluded.
    """
    total = 0.0
    for accuracy, spent in zip(accuracies, seconds, strict=True):
        total += spent
        if accuracy >= target:
            return total
    return None


def verdict(fastest: str, ratios: dict[str, Estimate]) -> tuple[list[str], list[str]]:
    """Return which competitors the fastest is told apart from, and which not.

    It is a winner only if it is told apart from every one: an intersection-union test, which needs no correction for
    the number of comparisons (Berger, Technometrics 24, 1982).

    Args:
        fastest: the name of the one with the smallest median.
        ratios: each competitor's ratio to the fastest.
    """
    others = [name for name in ratios if name != fastest]
    apart = [name for name in others if (ratios[name].low or 0) > 1]
    return apart, [name for name in others if name not in apart]
