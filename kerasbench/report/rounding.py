"""Numbers, rounded to what the noise allows."""

import math

_WITHOUT_NOISE = 3  # significant digits where nothing is known of the noise
_MOST_DECIMALS = 4


def decimals(value: float, noise: float | None) -> int:
    """Return how many decimals of a value mean something; negative: tens, hundreds and so on.

    As many as reach the first digit of the noise (the half width of an interval), and one more where that digit is 1;
    without a noise, three significant digits. The value's own first digit stays, however large the noise.
    """
    first = -math.floor(math.log10(abs(value))) if value else 0
    if not noise:
        digits = first + _WITHOUT_NOISE - 1
    elif math.isinf(noise):
        digits = first
    else:
        exponent = math.floor(math.log10(noise))
        digits = max(first, -exponent + (1 if noise / 10**exponent < 2 else 0))
    return min(digits, _MOST_DECIMALS)


def fixed(value: float, digits: int) -> str:
    """Return a number with so many decimals; its thousands apart, by a thin space."""
    if math.isinf(value):
        return "\N{INFINITY}"
    return f"{round(value, digits):,.{max(digits, 0)}f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def rounded(value: float, noise: float | None = None) -> str:
    """Return a number as a reader wants it."""
    return fixed(value, decimals(value, noise))


def interval(value: float, low: float | None, high: float | None) -> tuple[str, str]:
    """Return a value and its interval, both rounded by it; an empty interval where there is none."""
    if low is None or high is None:
        return rounded(value), ""
    digits = decimals(value, (high - low) / 2)
    return fixed(value, digits), f"{fixed(low, digits)}\N{EN DASH}{fixed(high, digits)}"


def power(value: float) -> str:
    """Return a tiny number by its order of magnitude."""
    return f"{value:.0e}" if value else "0"
