"""The statistics, compared with SciPy and with results computed by hand."""

import math
import subprocess
import sys

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.parametrize("count", [2, 5, 6, 7, 20])
def test_samples_have_their_geometric_mean_and_scipys_t_interval_of_their_logarithms(count: int) -> None:
    samples = list(np.random.default_rng(4).lognormal(1.0, 0.3, count))
    logs = np.log(samples)
    expected = np.exp(scipy.stats.t.interval(0.95, count - 1, logs.mean(), scipy.stats.sem(logs)))
    found = stats.estimate(samples)
    assert found.value == pytest.approx(scipy.stats.gmean(samples))
    assert found.count == count
    assert (found.low, found.high) == pytest.approx(tuple(expected))


def test_an_arithmetic_mean_has_students_interval_and_may_be_negative() -> None:
    found = stats.mean([-1.0, -0.5, -2.0])
    # The mean -7/6, the standard deviation 0.7638, and Student's t of two degrees of freedom, 4.3027.
    assert (found.value, found.low, found.high) == pytest.approx((-7 / 6, -3.0640, 0.7307), abs=1e-3)
    assert stats.mean([3.0, 3.0]) == Estimate(3.0, 3.0, 3.0, 2)
    assert stats.mean([3.0]) == Estimate(3.0, None, None, 1)


def test_equal_samples_have_an_interval_of_no_width() -> None:
    found = stats.estimate([1.7] * 3)
    assert found.low == found.value == found.high == pytest.approx(1.7)


def test_pairs_cancel_what_slowed_both_members() -> None:
    drift = np.array([1.0, 1.5, 2.0, 1.2])
    found = stats.paired_ratio(list(1.1 * drift), list(drift))
    assert (found.value, found.low, found.high) == pytest.approx((1.1, 1.1, 1.1))
    assert _holds_one(stats.ratio(list(1.1 * drift), list(drift)))  # as if unpaired


def test_the_unpaired_ratios_interval_is_scipys_welch_interval() -> None:
    ours, theirs = [3.1, 2.9, 3.4, 3.0], [2.0, 2.2, 2.1]
    welch = scipy.stats.ttest_ind(np.log(ours), np.log(theirs), equal_var=False).confidence_interval(0.95)
    found = stats.ratio(ours, theirs)
    assert (found.low, found.high) == pytest.approx((math.exp(welch.low), math.exp(welch.high)))
    assert found.value == pytest.approx(scipy.stats.gmean(ours) / scipy.stats.gmean(theirs))


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


@given(st.integers(3, 6).flatmap(lambda blocks: st.lists(
    st.lists(st.integers(0, 5), min_size=blocks, max_size=blocks), min_size=3, max_size=7)))  # fmt: skip
def test_friedmans_p_value_is_scipys_with_ties_too(samples: list[list[int]]) -> None:
    with np.errstate(invalid="ignore"):
        expected = scipy.stats.friedmanchisquare(*samples).pvalue
    found = stats.friedman(samples)
    assert math.isnan(expected) if found is None else found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("treatments", "blocks"), [(3, 3), (3, 4), (7, 5)])
def test_friedmans_smallest_p_value_is_scipys_where_all_blocks_agree(treatments: int, blocks: int) -> None:
    agreed = [[float(treatment)] * blocks for treatment in range(treatments)]
    assert stats.least_friedman(treatments, blocks) == pytest.approx(scipy.stats.friedmanchisquare(*agreed).pvalue)


def test_the_module_is_cheap_to_import() -> None:
    used = "kerasbench.stats.ratio([1, 2], [2, 4]); kerasbench.stats.friedman([[1, 2], [2, 3], [3, 4]])"
    loaded = "print({'scipy', 'numpy'} & set(sys.modules))"
    unused = "print({'scipy.stats'} & set(sys.modules))"
    code = f"import sys; import kerasbench.stats; {loaded}; {used}; {unused}"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.split() == ["set()", "set()"]  # scipy.stats, of 45 MiB, is never needed


@pytest.mark.parametrize(
    ("values", "growth"),
    [
        ([400, 410, 420, 430, 440, 450], 10),
        ([400, 410, 420, 430, 440], None),  # too few
        ([400, 400, 400, 400, 400, 400], None),
        ([450, 440, 430, 420, 410, 400], None),
        ([400, 410, 405, 412, 407, 414], None),  # up and down
        ([400, 408, 412, 414, 415, 415.5, 415.8, 416], None),  # slower and slower: caches that are being filled
        ([400, 412, 419, 431, 440, 451, 449, 472], 10),  # one of 28 pairs decreases
        ([100, 200, 300, 350, 370, *[380] * 8], None),  # it grew, and does no longer
        ([380, 380, 380, 380, 380, 390, 400, 410, 420, 430, 440, 450, 460], 10),  # it does now
    ],
)
def test_memory_grows_if_nearly_all_pairs_of_recent_epochs_increase(values: list[float], growth: float | None) -> None:
    found = stats.growth(values)
    assert found == (None if growth is None else pytest.approx(growth, abs=1))


def test_chance_alone_seldom_looks_like_growth() -> None:
    random = np.random.RandomState(1)
    for count in (6, 7, 8):
        grown = sum(stats.growth(list(random.normal(size=count))) is not None for _ in range(4000))
        assert grown / 4000 < 0.01
