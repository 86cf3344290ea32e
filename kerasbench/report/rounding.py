"""Numbers, rounded to what the noise allows."""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal

_WITHOUT_NOISE = 3  # significant digits where nothing is known of the noise
_MOST_DECIMALS = 4
_ENDLESS = 1e9  # an upper bound above it tells no more than infinity
_EXACT = Context(prec=1000)  # digits enough for any float


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
    return max(first, min(digits, _MOST_DECIMALS))


def fixed(value: float | Decimal, digits: int) -> str:
    """Return a number with so many decimals, a thin space between its thousands."""
    if math.isinf(value):
        return "\N{INFINITY}"
    return f"{round(value, digits):,.{max(digits, 0)}f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def rounded(value: float, noise: float | None = None) -> str:
    """Return a number as a reader wants it."""
    return fixed(value, decimals(value, noise))


def interval(value: float, low: float | None, high: float | None) -> tuple[str, str]:
    """Return a value and its interval as text; an empty interval where there is none.

    The bounds are rounded outward, so that the printed interval contains the exact one, and get more digits where they
    would otherwise reach 0 or 1: a ratio's interval that excludes 1 must be seen to do so. The printed value lies in
    the printed interval.
    """
    if low is None or high is None:
        return rounded(value), ""
    digits = decimals(value, (high - low) / 2)
    below, above = _outward(low, digits, ROUND_FLOOR), _outward(high, digits, ROUND_CEILING)
    while not below <= _round(value, digits) <= above:
        digits += 1
    return fixed(value, digits), f"{_bound(below)}\N{EN DASH}{_bound(above)}"


def _outward(bound: float, digits: int, direction: str) -> Decimal:
    if bound > _ENDLESS and direction == ROUND_CEILING:
        return Decimal("Infinity")
    while True:
        found = _round(bound, digits, direction)
        if all((found > side) == (bound > side) and (found < side) == (bound < side) for side in (0, 1)):
            return found
        digits += 1


def _round(number: float, digits: int, direction: str = ROUND_HALF_EVEN) -> Decimal:
    return Decimal(number).quantize(Decimal(1).scaleb(-digits), direction, _EXACT)


def _bound(bound: Decimal) -> str:
    """Return a rounded bound; a tiny one in scientific notation."""
    if 0 < bound < 10**-_MOST_DECIMALS:
        return f"{bound:e}"
    exponent = bound.as_tuple().exponent
    return fixed(bound, -exponent if isinstance(exponent, int) else 0)


def power(value: float) -> str:
    """Return a tiny number by its order of magnitude."""
    return f"{value:.0e}" if value else "0"
