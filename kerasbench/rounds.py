"""In which order the cells of a round have their turn."""

from collections.abc import Sequence
from typing import TypeVar

_Item = TypeVar("_Item")


def rotated(items: Sequence[_Item], number: int) -> list[_Item]:
    """Return the order of a round, counted from 0; over as many as there are items, each has every place once."""
    start = number % len(items)
    return [*items[start:], *items[:start]]
