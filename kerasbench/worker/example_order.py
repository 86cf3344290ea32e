"""Shuffles the examples alike on all backends, within one call of `fit`: a new permutation per epoch, without a copy.

Keras would shuffle with the framework's own random generator. Here NumPy draws each epoch's permutation, and the data
are read through it, batch by batch, as Keras does when it shuffles.
"""

from typing import Any

import numpy as np

from kerasbench.worker.dataset import Split

Array = Any  # a NumPy array


class Order(object):
    """The permutation of the current epoch.

    Attributes:
        current: (examples,) positions in the data; in stored order before the first epoch.
    """

    def __init__(self, count: int, seed: int) -> None:
        """Shuffle `count` examples; equal seeds give equal orders."""
        self.current = np.arange(count)
        self.random = np.random.RandomState(seed)

    def advance(self) -> None:
        """Draw the next epoch's permutation."""
        self.current = self.random.permutation(len(self.current))


class Reordered(np.ndarray):  # Keras expects an array
    """An array that returns its examples in the current order; `fit` with `shuffle=False` reads it batch by batch."""

    order: Any = None

    def __new__(cls, array: Array, order: Order) -> "Reordered":
        """Return a view of an array."""
        view: Reordered = array.view(cls)
        view.order = order
        return view

    def __array_finalize__(self, original: Any) -> None:
        """Keep the order in a view of all examples."""
        self.order = getattr(original, "order", None)

    def __getitem__(self, key: Any) -> Array:
        """Return the examples at the given positions of the current order, as a plain array."""
        plain = self.view(np.ndarray)
        return plain[key] if self.order is None else plain[self.order.current[key]]


def reordered(split: Split, order: Order) -> Split:
    """Return the same examples, read in the current order."""
    return split.replaced([Reordered(array, order) for array in split.arrays])
