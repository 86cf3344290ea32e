"""The allowed range of a number."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """The allowed range of a numeric setting.

    Attributes:
        least, most: the bounds.
        above, below: whether the bound itself is excluded.
        why: the reason for the bounds, if it is not obvious.
    """

    least: float
    most: float
    above: bool = False
    below: bool = False
    why: str = ""

    def holds(self, value: float) -> bool:
        """Return whether the value is in the range; NaN is in none."""
        over = value > self.least if self.above else value >= self.least
        return over and (value < self.most if self.below else value <= self.most)

    def __str__(self) -> str:
        return (
            f"{'above' if self.above else 'at least'} {_figure(self.least)} and "
            f"{'below' if self.below else 'at most'} {_figure(self.most)}{self.why and f' ({self.why})'}"
        )


def _figure(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"
