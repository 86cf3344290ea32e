"""The statistics, against SciPy's and against what can be reckoned by hand."""

import math

import numpy as np
import pytest
import scipy.stats

from kerasbench import stats
from kerasbench.stats import Estimate


def _holds_one(ratio: Estimate) -> bool:
    assert ratio.low is not None
    assert ratio.high is not None
    return ratio.low <= 1 <= ratio.high


def test_a_steady_epoch_is_the_median_of_those_after_the_first() -> None:
    assert stats.steady_seconds([9.0, 2.0, 1.0, 3.0]) == 2.0


def test_a_single_epoch_has_no_steady_one() -> None:
    assert stats.steady_seconds([9.0]) is None
    assert stats.epoch_summary([9.0]) == {"first_epoch_seconds": 9.0}


def test_compilation_is_the_first_epoch_minus_a_steady_one_and_never_negative() -> None:
    assert stats.epoch_summary([9.0, 2.0, 3.0])["compile_seconds"] == 6.5
    assert stats.epoch_summary([1.0, 2.0])["compile_seconds"] == 0.0


def test_no_epoch_no_figures() -> None:
    assert stats.epoch_summary([]) == {}


def test_a_single_sample_has_a_value_and_no_interval() -> None:
    assert stats.estimate([2.0]) == Estimate(2.0, None, None, 1)
    assert stats.estimate([2.0]).low is None


def test_what_is_no_time_is_refused() -> None:
    for samples in ([], [1.0, 0.0], [1.0, -1.0]):
        with pytest.raises(ValueError, match="positive"):
            stats.estimate(samples)


def test_a_few_samples_have_scipys_t_interval_of_their_logarithms() -> None:
    samples = [3.1, 2.9, 3.4, 3.0, 3.2]
    logs = np.log(samples)
    expected = np.exp(scipy.stats.t.interval(0.95, 4, logs.mean(), scipy.stats.sem(logs)))
    found = stats.estimate(samples)
    assert (found.value, found.count) == (3.1, 5)
    assert (found.low, found.high) == pytest.approx(tuple(expected))


def test_the_median_of_a_few_samples_lies_in_their_interval_however_skewed_they_are() -> None:
    random = np.random.default_rng(1)
    for count in (2, 3, 4, 5, 6) * 40:
        found = stats.estimate(list(np.exp(random.standard_exponential(count) ** 3)))
        assert found.low is not None
        assert found.high is not None
        assert found.low <= found.value <= found.high


def test_ten_samples_have_the_second_and_the_ninth_as_their_interval_as_tables_give_it() -> None:
    found = stats.estimate([float(number) for number in range(1, 11)])
    assert (found.low, found.high) == (2.0, 9.0)


@pytest.mark.parametrize("count", [2, 5, 6, 7, 8, 13, 30])
def test_an_interval_holds_the_true_median_at_least_as_often_as_it_says(count: int) -> None:
    random = np.random.default_rng(2)
    held = 0
    for _ in range(1000):
        found = stats.estimate(list(random.lognormal(0.0, 0.1, count)))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 1.0 <= found.high
    assert held / 1000 >= 0.95 - 0.02  # 0.02: three standard deviations of a thousand draws


def test_equal_samples_have_an_interval_of_no_width() -> None:
    assert stats.estimate([2.0] * 3) == Estimate(2.0, 2.0, 2.0, 3)


def test_pairs_cancel_what_slowed_both_members() -> None:
    drift = np.array([1.0, 1.5, 2.0, 1.2])
    found = stats.paired_ratio(list(1.1 * drift), list(drift))
    assert (found.value, found.low, found.high) == pytest.approx((1.1, 1.1, 1.1))
    assert _holds_one(stats.ratio(list(1.1 * drift), list(drift)))  # as if they were no pairs


def test_the_unpaired_ratios_interval_is_scipys_welch_interval() -> None:
    ours, theirs = [3.1, 2.9, 3.4, 3.0], [2.0, 2.2, 2.1]
    welch = scipy.stats.ttest_ind(np.log(ours), np.log(theirs), equal_var=False).confidence_interval(0.95)
    found = stats.ratio(ours, theirs)
    assert (found.low, found.high) == pytest.approx((math.exp(welch.low), math.exp(welch.high)))
    assert found.value == pytest.approx(3.05 / 2.1)


def test_a_single_sample_on_either_side_has_a_ratio_without_an_interval() -> None:
    assert stats.ratio([3.0], [2.0, 2.1]).low is None


def test_variation_is_relative_to_the_mean() -> None:
    assert stats.coefficient_of_variation([1.0, 2.0, 3.0]) == pytest.approx(0.5)
    assert stats.coefficient_of_variation([1.0]) is None


def test_the_time_to_an_accuracy_is_counted_to_the_end_of_the_first_epoch_that_has_it() -> None:
    assert stats.seconds_to(0.9, [0.5, 0.91, 0.89], [2.0, 1.0, 1.0]) == 3.0
    assert stats.seconds_to(0.99, [0.5, 0.91], [2.0, 1.0]) is None


def test_the_fastest_is_a_winner_only_over_those_it_is_told_apart_from() -> None:
    ratios = {
        "jax": Estimate(1.0, 1.0, 1.0, 5),
        "torch": Estimate(1.5, 1.4, 1.6, 5),
        "tensorflow": Estimate(1.02, 0.98, 1.07, 5),
        "theano": Estimate(2.0, None, None, 1),
    }
    assert stats.verdict("jax", ratios) == (["torch"], ["tensorflow", "theano"])


def test_a_median_that_its_own_interval_contradicts_makes_no_winner() -> None:
    fastest, other = [1.0] * 6 + [1.6] * 5, [1.02] * 10  # the median is the smaller, the mean the larger
    found = stats.ratio(other, fastest)
    assert found.value > 1
    assert found.high is not None
    assert found.high < 1
    assert stats.verdict("a", {"a": Estimate(1.0, None, None, 11), "b": found}) == ([], ["b"])


def test_a_backend_against_itself_is_told_apart_about_as_seldom_as_the_confidence_says() -> None:
    random = np.random.default_rng(3)
    told_apart = sum(
        not _holds_one(stats.paired_ratio(list(random.lognormal(0, 0.02, 5)), list(random.lognormal(0, 0.02, 5))))
        for _ in range(400)
    )
    assert told_apart / 400 == pytest.approx(0.05, abs=0.03)


@pytest.mark.parametrize(
    ("chances", "adjusted"),
    [
        ([], []),
        ([0.03], [0.03]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
        ([0.6, 0.7], [1.0, 1.0]),
    ],
)
def test_p_values_are_adjusted_for_their_number(chances: list[float], adjusted: list[float]) -> None:
    assert stats.holm(chances) == pytest.approx(adjusted)
