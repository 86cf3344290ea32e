"""The statistics of raw samples: pure functions, each with its source.

The unit of replication is the process: the epochs of one process share its memory layout, its compiled code and its
point in time, so its median epoch is one sample for any number of epochs (Georges, Buytaert and Eeckhout,
'Statistically rigorous Java performance evaluation', OOPSLA 2007; Kalibera and Jones, 'Rigorous benchmarking in
reasonable time', ISMM 2013).
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev
from typing import Any

from kerasbench.vocabulary import Metric

CONFIDENCE = 0.95
UNSTEADY = 0.05  # a coefficient of variation above this causes a warning


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
    from scipy.stats import ttest_1samp  # takes a second and 70 MiB to import

    return _with_interval(fmean(samples), ttest_1samp, (samples, 0), len(samples))


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
    from scipy.stats import ttest_ind

    return _exponential(_with_interval(difference, ttest_ind, (ours, theirs), count, equal_var=False))


def _with_interval(value: float, test: Any, samples: tuple[Any, ...], count: int, **options: bool) -> Estimate:
    """Return a value with the confidence interval of one of SciPy's t-tests, of width 0 if all samples are equal.

    If rounding puts the value outside, the interval is extended to contain it.
    """
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # for (almost) equal samples
        low, high = test(*samples, **options).confidence_interval(CONFIDENCE)
    if math.isnan(low):
        return Estimate(value, value, value, count)
    return Estimate(value, min(value, float(low)), max(value, float(high)), count)


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


def least_friedman(treatments: int, blocks: int) -> float:
    """Return the smallest p-value that Friedman's test can give, as SciPy approximates it.

    It occurs when all blocks rank the treatments alike: the statistic is then `blocks * (treatments - 1)`, and SciPy
    uses the chi-squared distribution with `treatments - 1` degrees of freedom (Friedman, JASA 32, 1937).

    Args:
        treatments: number of treatments compared, at least three.
        blocks: number of rankings of all treatments.
    """
    from scipy.stats import chi2

    return float(chi2.sf(blocks * (treatments - 1), treatments - 1))


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
