"""The statistics of raw samples: pure functions, each with its source.

The unit of replication is the process: the epochs of one process share its memory layout, its compiled code and its
point in time, so its median epoch is one sample for any number of epochs (Georges, Buytaert and Eeckhout,
'Statistically rigorous Java performance evaluation', OOPSLA 2007; Kalibera and Jones, 'Rigorous benchmarking in
reasonable time', ISMM 2013).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, median, stdev

from kerasbench.vocabulary import Metric

CONFIDENCE = 0.95
UNSTEADY = 0.05  # a coefficient of variation above this causes a warning
_RECENT, _LEAST_RECENT = 8, 6  # the values that `growth` looks at, at most and at least


@dataclass(frozen=True)
class Estimate:
    """A value and its 95% confidence interval, which always contains it; a single sample gives no interval.

    Attributes:
        value, low, high: in the unit of the samples.
        count: the number of samples.
    """

    value: float
    low: float | None
    high: float | None
    count: int


def steady_seconds(epoch_seconds: Sequence[float]) -> float | None:
    """Return the median of the epochs after the first, which includes compilation; None if there is no other."""
    return median(epoch_seconds[1:]) if len(epoch_seconds) > 1 else None


def epoch_summary(epoch_seconds: Sequence[float]) -> dict[str, float]:
    """Return a run's metrics, computed from the training seconds of its epochs, in order.

    `compile_seconds` is the first epoch minus the steady one, at least 0. A single epoch gives neither of the two.
    """
    if not epoch_seconds:
        return {}
    summary = {Metric.FIRST_EPOCH_SECONDS: epoch_seconds[0]}
    steady = steady_seconds(epoch_seconds)
    if steady is not None:
        summary |= {Metric.STEADY_EPOCH_SECONDS: steady, Metric.COMPILE_SECONDS: max(0.0, epoch_seconds[0] - steady)}
    return summary


def mean(samples: Sequence[float]) -> Estimate:
    """Return the arithmetic mean and its 95% confidence interval (Student's t).

    Raises:
        ValueError: there are no samples.
    """
    if not samples:
        raise ValueError("a mean needs at least one sample")
    if len(samples) == 1:
        return Estimate(samples[0], None, None, 1)
    return _with_interval(fmean(samples), _variance_of_mean(samples), len(samples) - 1, len(samples))


def estimate(samples: Sequence[float]) -> Estimate:
    """Return the geometric mean of positive samples and its 95% confidence interval (Student's t on the logarithms).

    Times are skewed to the right and machines slow down by factors, so the logarithms are closer to normal than the
    times. The value is the geometric mean, not the median, because the interval is the geometric mean's: the value
    always lies in its interval, and the ratio of two values is the value of their ratio (Fleming and Wallace, 'How not
    to lie with statistics', CACM 29, 1986). Within a run, where one epoch may be disturbed, the samples are medians of
    epochs. An interval between order statistics is too wide: with seven samples it finds fewer differences than
    Student's t with six. A bootstrap interval is too narrow for so few samples (Efron and Tibshirani, 'An introduction
    to the bootstrap', 1993, 12-14).

    Raises:
        ValueError: there are no samples, or one is not positive.
    """
    return _exponential(mean(_logarithms(samples)))


def paired_ratio(samples: Sequence[float], reference: Sequence[float]) -> Estimate:
    """Return the ratio of samples to their partners, measured in the same rounds.

    A drift of the machine between rounds affects both members of a pair and cancels in their ratio.

    Raises:
        ValueError: the numbers of samples differ, or a sample is not positive.
    """
    return estimate([sample / other for sample, other in zip(samples, reference, strict=True)])


def ratio(samples: Sequence[float], reference: Sequence[float]) -> Estimate:
    """Return the ratio of two geometric means of unpaired samples.

    The interval is Welch's for the difference of the logarithms' means (Welch, Biometrika 34, 1947); there is none if
    either side has a single sample.

    Raises:
        ValueError: either has no samples, or one is not positive.
    """
    ours, theirs = _logarithms(samples), _logarithms(reference)
    difference, count = fmean(ours) - fmean(theirs), min(len(ours), len(theirs))
    if count == 1:
        return _exponential(Estimate(difference, None, None, 1))
    parts = [(_variance_of_mean(logarithms), len(logarithms) - 1) for logarithms in (ours, theirs)]
    total = sum(part for part, _ in parts)
    degrees = total**2 / sum(part**2 / freedom for part, freedom in parts) if total > 0 else 1
    return _exponential(_with_interval(difference, total, degrees, count))


def _variance_of_mean(samples: Sequence[float]) -> float:
    """Return the square of the mean's standard error; infinite or NaN where `statistics.variance` raises errors."""
    deviations = [sample - fmean(samples) for sample in samples]
    return sum(one * one for one in deviations) / (len(samples) - 1) / len(samples)


def _with_interval(value: float, square_error: float, degrees: float, count: int) -> Estimate:
    """Return a value and the confidence interval of Student's t, of width 0 if all samples are equal.

    Args:
        value: the estimate.
        square_error: the square of its standard error.
        degrees: of freedom.
        count: the number of samples.
    """
    if not square_error > 0:
        return Estimate(value, value, value, count)
    from scipy.special import stdtrit  # scipy.stats, which calls it, takes a second and 45 MiB more to import

    margin = float(stdtrit(degrees, (1 + CONFIDENCE) / 2)) * math.sqrt(square_error)
    return Estimate(value, value - margin, value + margin, count)


def _logarithms(samples: Sequence[float]) -> list[float]:
    if not samples or min(samples) <= 0:
        raise ValueError(f"positive samples are needed, not {list(samples)}")
    return [math.log(sample) for sample in samples]


def _exponential(found: Estimate) -> Estimate:
    low, high = (None if bound is None else _exp(bound) for bound in (found.low, found.high))
    return Estimate(_exp(found.value), low, high, found.count)


def _exp(logarithm: float) -> float:
    """Return e to a power; infinity on overflow: two samples far apart give an unbounded interval."""
    try:
        return math.exp(logarithm)
    except OverflowError:
        return math.inf


def coefficient_of_variation(samples: Sequence[float]) -> float | None:
    """Return the standard deviation (with n - 1) over the mean; None for a single sample."""
    return stdev(samples) / fmean(samples) if len(samples) > 1 else None


def holm(chances: Sequence[float]) -> list[float]:
    """Return p-values adjusted for multiple tests, in order (Holm, Scandinavian Journal of Statistics 6, 1979).

    Rejecting adjusted values below 5% limits the probability of any false rejection to 5%. SciPy does not offer Holm.
    """
    adjusted, largest = [0.0] * len(chances), 0.0
    for rank, place in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
        largest = max(largest, min(1.0, (len(chances) - rank) * chances[place]))
        adjusted[place] = largest
    return adjusted


def friedman(samples: Sequence[Sequence[float]]) -> float | None:
    """Return the p-value of Friedman's test that treatments differ; None if all are equal in every block.

    The same as `scipy.stats.friedmanchisquare`, whose module takes 45 MiB: the chi-squared approximation with average
    ranks and the correction for ties (Friedman, JASA 32, 1937; Conover, 'Practical nonparametric statistics', 5.8).

    Args:
        samples: one row per treatment, at least three, and in it one value per block.
    """
    treatments, blocks = len(samples), len(samples[0])
    sums, ties = [0.0] * treatments, 0
    for block in zip(*samples, strict=True):
        for place, one in enumerate(block):
            equal = block.count(one)
            sums[place] += sum(other < one for other in block) + (equal + 1) / 2
            ties += equal**2 - 1  # over a group of t equal values: t**3 - t
    untied = blocks * treatments * (treatments**2 - 1) - ties
    if untied == 0:
        return None
    expected = blocks * (treatments + 1) / 2
    return _chi_squared(12 * (treatments - 1) * sum((one - expected) ** 2 for one in sums) / untied, treatments)


def least_friedman(treatments: int, blocks: int) -> float:
    """Return the smallest p-value that `friedman` can give.

    It occurs when all blocks rank the treatments alike: the statistic is then `blocks * (treatments - 1)`.

    Args:
        treatments: number of treatments compared, at least three.
        blocks: number of rankings of all treatments.
    """
    return _chi_squared(blocks * (treatments - 1), treatments)


def _chi_squared(statistic: float, treatments: int) -> float:
    """Return the chance of at least this statistic if the treatments do not differ."""
    from scipy.special import chdtrc

    return float(chdtrc(treatments - 1, statistic))


def growth(values: Sequence[float]) -> float | None:
    """Return by how much a figure grows from one value to the next; None if it does not grow steadily.

    It grows steadily if at least nine of ten pairs of values increase (Kendall's tau of 0.8), and if the later half
    grows at least half as fast as all: what fills a cache grows less and less. Of six to eight values without a trend,
    fewer than 1% do so by chance (Mann, Econometrica 13, 1945). The growth is the median slope of all pairs (Sen, JASA
    63, 1968). Only the last eight values count, so that a start which fills caches does not, and fewer than six show
    nothing.
    """
    recent = list(values)[-_RECENT:]
    if len(recent) < _LEAST_RECENT:
        return None
    slopes, later = _slopes(recent), _slopes(recent[len(recent) // 2 :])
    steady = sum(slope > 0 for slope in slopes) >= 0.9 * len(slopes) and median(later) >= median(slopes) / 2
    return median(slopes) if steady else None


def _slopes(values: Sequence[float]) -> list[float]:
    """Return the slope of every pair of values."""
    return [(later - earlier) / (j - i) for (i, earlier), (j, later) in combinations(enumerate(values), 2)]


def seconds_to(target: float, accuracies: Sequence[float], seconds: Sequence[float]) -> float | None:
    """Return the training seconds at the end of the first epoch that reaches the target; None if none does.

    This is the time to accuracy of DAWNBench (Coleman et al., SOSP ML systems workshop 2017), in whole epochs.

    Args:
        target: the accuracy to reach.
        accuracies: accuracy after each epoch.
        seconds: training seconds of each epoch, without validation.
    """
    total = 0.0
    for accuracy, spent in zip(accuracies, seconds, strict=True):
        total += spent
        if accuracy >= target:
            return total
    return None


def verdict(fastest: str, ratios: dict[str, Estimate]) -> tuple[list[str], list[str]]:
    """Return the competitors that are significantly slower than the fastest, and those where this is undecided.

    The fastest is a winner only if the second list is empty, that is, if it differs from every other: an
    intersection-union test, which needs no correction for the number of comparisons (Berger, Technometrics 24, 1982).
    With two competitors of equal speed it names a wrong winner in at most 5% of cases, with more competitors in fewer.

    Args:
        fastest: the competitor with the smallest value.
        ratios: each competitor's ratio to the fastest.
    """
    others = [name for name in ratios if name != fastest]
    slower = [name for name in others if (ratios[name].low or 0) > 1]
    return slower, [name for name in others if name not in slower]
