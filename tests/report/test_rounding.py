import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasbench.report.rounding import interval, power, rounded

_SECONDS = st.floats(1e-9, 1e9)


def _read(printed: str) -> Decimal:
    """Return a printed number, exactly as written."""
    text = printed.replace("\N{NARROW NO-BREAK SPACE}", "").replace("\N{INFINITY}", "Infinity")
    return Decimal(text)


def _bounds(printed: str) -> tuple[Decimal, Decimal]:
    low, high = printed.split("\N{EN DASH}")
    return _read(low), _read(high)


@pytest.mark.parametrize(
    ("value", "noise", "text"),
    [
        (2.0341, 0.02, "2.03"),
        (2.0341, 0.012, "2.034"),
        (2.0341, 0.3, "2.0"),
        (34.2, 5.0, "34"),
        (123456.0, 400.0, "123\N{NARROW NO-BREAK SPACE}500"),
        (0.98213, 1e-9, "0.9821"),
        (3.0, 115.0, "3"),  # its own first digit stays
        (0.4, 60.0, "0.4"),
        (5.05, float("inf"), "5"),
        (0.00003, 1e-9, "0.00003"),  # a positive number is never printed as 0
    ],
)
def test_a_number_ends_where_its_noise_begins(value: float, noise: float, text: str) -> None:
    assert rounded(value, noise) == text


@pytest.mark.parametrize(
    ("value", "text"), [(2.0341, "2.03"), (0.0, "0.00"), (20341.0, "20\N{NARROW NO-BREAK SPACE}300")]
)
def test_without_a_noise_three_digits_stay(value: float, text: str) -> None:
    assert rounded(value) == text


@pytest.mark.parametrize(
    ("exact", "printed"),
    [
        ((2.0341, 2.011, 2.0522), ("2.03", "2.01\N{EN DASH}2.06")),
        ((2.0341, None, None), ("2.03", "")),
        ((3.0, 0.04, 230.0), ("3", "0.04\N{EN DASH}230")),
        ((3.0, 0.0, float("inf")), ("3", "0\N{EN DASH}\N{INFINITY}")),
        ((60.0, 1.65, 2180.0), ("60", "1.6\N{EN DASH}2\N{NARROW NO-BREAK SPACE}180")),
        ((3.2, 1.02, 9.9), ("3", "1.02\N{EN DASH}10")),
        ((3.0, 3.5e-7, 1e12), ("3", "3e-7\N{EN DASH}\N{INFINITY}")),
    ],
)
def test_bounds_are_rounded_outward_and_stay_on_their_side_of_0_and_1(
    exact: tuple[float, float | None, float | None], printed: tuple[str, str]
) -> None:
    assert interval(*exact) == printed


@given(st.tuples(_SECONDS, _SECONDS, _SECONDS).map(sorted))
def test_a_printed_interval_contains_the_exact_one_and_the_printed_value(exact: list[float]) -> None:
    low, value, high = exact
    text, between = interval(value, low, high)
    below, above = _bounds(between)
    assert below <= Decimal(low)
    assert Decimal(high) <= above
    assert below <= _read(text) <= above


@given(st.tuples(_SECONDS, _SECONDS).map(sorted))
def test_a_printed_interval_excludes_0_and_1_where_the_exact_one_does(exact: list[float]) -> None:
    low, high = exact
    below, above = _bounds(interval((low * high) ** 0.5, low, high)[1])
    assert below > 0
    assert (below > 1) == (low > 1)
    assert (above < 1) == (high < 1)


@given(st.floats(1e-12, 1e12))
def test_a_positive_number_is_never_printed_as_0(value: float) -> None:
    assert re.search("[1-9]", rounded(value))


def test_tiny_numbers_are_told_by_their_order() -> None:
    assert (power(1.2e-7), power(0.0)) == ("1e-07", "0")
