"""The statistics' guarantees, by seeded simulation, with a margin of three standard errors of the simulation."""

import math
from collections.abc import Callable, Sequence
from statistics import geometric_mean

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kerasbench import stats
from kerasbench.stats import Estimate

_NOISE = 0.03  # standard deviation of the logarithm of a run's seconds
_SLOWDOWN = 1.05
_SAMPLE = st.floats(1e-6, 1e6)

_Ratio = Callable[[Sequence[float], Sequence[float]], Estimate]


def _winner(seconds: Sequence[Sequence[float]], ratio: _Ratio) -> int | None:
    """Return the backend that the verdict names as the winner, if any."""
    values = [geometric_mean(samples) for samples in seconds]
    fastest = values.index(min(values))
    others = {str(place): ratio(of, seconds[fastest]) for place, of in enumerate(seconds) if place != fastest}
    return None if stats.verdict(str(fastest), others)[1] else fastest


def _share_of_winners(
    speeds: Sequence[float], rounds: int, ratio: _Ratio, times: int, place: int | None = None
) -> float:
    """Return the share of simulated sweeps in which any winner, or a given one, is named."""
    random = np.random.default_rng(5)
    named = [
        _winner([list(random.lognormal(math.log(speed), _NOISE, rounds)) for speed in speeds], ratio)
        for _ in range(times)
    ]
    return sum(name is not None if place is None else name == place for name in named) / times


@pytest.mark.parametrize("ratio", [stats.paired_ratio, stats.ratio])
def test_more_rounds_never_make_a_verdict_weaker(ratio: _Ratio) -> None:
    times = 200
    rounds = (3, 4, 6, 7, 8, 12, 20)
    power = [_share_of_winners([1.0, _SLOWDOWN], count, ratio, times, place=0) for count in rounds]
    errors = [3 * math.sqrt(2 * share * (1 - share) / times) for share in power]
    assert all(more >= less - error for less, more, error in zip(power, power[1:], errors, strict=False)), power
    assert power[rounds.index(7)] > 0.6
    assert power[-1] > 0.95


@pytest.mark.parametrize("ratio", [stats.paired_ratio, stats.ratio])
@pytest.mark.parametrize(("backends", "rounds"), [(2, 3), (2, 8), (4, 5)])
def test_among_equals_a_winner_is_named_in_one_of_twenty_sweeps_at_most(
    ratio: _Ratio, backends: int, rounds: int
) -> None:
    times = 300
    wrong = _share_of_winners([1.0] * backends, rounds, ratio, times)
    assert wrong <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / times)
    if backends == 2:
        assert wrong > 0.01  # a verdict that names nobody would pass, too


@pytest.mark.parametrize("count", [2, 6, 7, 13])
def test_an_interval_contains_the_true_value_as_often_as_it_says(count: int) -> None:
    random, times, held = np.random.default_rng(2), 500, 0
    for _ in range(times):
        found = stats.estimate(list(random.lognormal(0.0, 0.1, count)))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 1.0 <= found.high
    assert held / times == pytest.approx(0.95, abs=3 * math.sqrt(0.05 * 0.95 / times))


def _assert_in_its_interval(found: Estimate) -> None:
    assert found.value > 0
    if found.low is None or found.high is None:
        assert found.count == 1
    else:
        assert found.low <= found.value <= found.high


@given(st.lists(_SAMPLE, min_size=1, max_size=20))
def test_a_value_lies_in_its_interval(samples: list[float]) -> None:
    _assert_in_its_interval(stats.estimate(samples))


@given(st.lists(st.tuples(_SAMPLE, _SAMPLE), min_size=1, max_size=20))
def test_a_paired_ratio_lies_in_its_interval(pairs: list[tuple[float, float]]) -> None:
    ours, theirs = map(list, zip(*pairs, strict=True))
    _assert_in_its_interval(stats.paired_ratio(ours, theirs))


@given(st.lists(_SAMPLE, min_size=1, max_size=20), st.lists(_SAMPLE, min_size=1, max_size=20))
@example([1.02] * 10, [1.0] * 6 + [1.6] * 5)  # the ratio of medians is above 1, that of means below
def test_an_unpaired_ratio_lies_in_its_interval_and_is_that_of_the_values(
    ours: list[float], theirs: list[float]
) -> None:
    found = stats.ratio(ours, theirs)
    _assert_in_its_interval(found)
    assert found.value == pytest.approx(stats.estimate(ours).value / stats.estimate(theirs).value)
