"""In which order the cells of a round have their turn."""

from collections.abc import Sequence
from typing import TypeVar

_Item = TypeVar("_Item")


def in_turn(items: Sequence[_Item], number: int) -> list[_Item]:
    """Return the order of a round, counted from 0; the first is as given.

    Over as many rounds as there are items, or twice as many if their number is odd, each has every place equally often,
    and comes equally often after every other of its round, whose heat or full cache it may inherit. Source: Williams,
    'Experimental designs balanced for the estimation of residual effects of treatments', Australian Journal of
    Scientific Research A2, 1949. Of more than two, none is the last of a round and the first of the next.
    """
    count = len(items)
    zigzag = [place // 2 if place % 2 == 0 else count - 1 - place // 2 for place in range(count)]  # 0, n-1, 1, n-2, ...
    mirrored = count % 2 == 1 and number % (2 * count) >= count
    shift = number if mirrored else -number
    order = [items[zigzag.index((step + shift) % count)] for step in zigzag]
    return order[::-1] if mirrored else order
