"""The order of the cells in each round."""

from collections.abc import Sequence
from typing import TypeVar

_Item = TypeVar("_Item")


def in_turn(items: Sequence[_Item], number: int) -> list[_Item]:
    """Return the items in the order of round `number`, counted from 0; round 0 keeps the given order.

    Over n rounds of n items (2n if n is odd), each item takes every place equally often and follows every other item
    equally often, because it may inherit heat or a full cache from its predecessor. Source: Williams, 'Experimental
    designs balanced for the estimation of residual effects of treatments', Australian Journal of Scientific Research
    A2, 1949. With more than two items, the last of a round is never the first of the next.
    """
    count = len(items)
    zigzag = [place // 2 if place % 2 == 0 else count - 1 - place // 2 for place in range(count)]  # 0, n-1, 1, n-2, ...
    mirrored = count % 2 == 1 and number % (2 * count) >= count
    shift = number if mirrored else -number
    order = [items[zigzag.index((step + shift) % count)] for step in zigzag]
    return order[::-1] if mirrored else order
