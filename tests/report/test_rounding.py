import pytest

from kerasbench.report.rounding import interval, power, rounded


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
    ],
)
def test_a_number_ends_where_its_noise_begins(value: float, noise: float, text: str) -> None:
    assert rounded(value, noise) == text


@pytest.mark.parametrize(
    ("value", "text"), [(2.0341, "2.03"), (0.0, "0.00"), (20341.0, "20\N{NARROW NO-BREAK SPACE}300")]
)
def test_without_a_noise_three_digits_stay(value: float, text: str) -> None:
    assert rounded(value) == text


def test_an_interval_is_rounded_as_its_value() -> None:
    assert interval(2.0341, 2.011, 2.0522) == ("2.03", "2.01\N{EN DASH}2.05")
    assert interval(2.0341, None, None) == ("2.03", "")
    assert interval(3.0, 0.04, 230.0) == ("3", "0\N{EN DASH}230")
    assert interval(3.0, 0.0, float("inf")) == ("3", "0\N{EN DASH}\N{INFINITY}")


def test_tiny_numbers_are_told_by_their_order() -> None:
    assert (power(1.2e-7), power(0.0)) == ("1e-07", "0")
