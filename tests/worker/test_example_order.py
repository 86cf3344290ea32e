"""The order of the examples: the same for every backend, without a copy of them."""

import numpy as np

from kerasbench.worker.dataset import Split
from kerasbench.worker.example_order import Order, reordered


def _split(count: int) -> Split:
    return Split([np.arange(2 * count).reshape(count, 2)], [np.arange(count)])


def test_batches_are_read_in_the_current_order_by_a_slice_an_array_or_a_list() -> None:
    order = Order(10, seed=3)
    ordered = reordered(_split(10), order)
    inputs, labels = ordered.x, ordered.y
    assert (labels[2:5] == [2, 3, 4]).all()  # stored order before the first epoch
    order.advance()
    expected = np.random.RandomState(3).permutation(10)
    for places in (slice(2, 5), np.array([2, 3, 4]), [2, 3, 4]):
        assert (labels[places] == expected[2:5]).all()
        assert (inputs[places] == np.stack([2 * expected[2:5], 2 * expected[2:5] + 1], axis=1)).all()
    assert type(labels[2:5]) is np.ndarray
    before = order.current
    order.advance()
    assert sorted(order.current) == sorted(before)
    assert (order.current != before).any()


def test_no_copy_of_the_data_is_made() -> None:
    split = _split(10)
    assert np.shares_memory(reordered(split, Order(10, seed=3)).x, split.x)


def test_examples_repeated_keep_their_mean() -> None:
    repeated = _split(4).repeated(3)
    assert len(repeated) == 12
    assert repeated.y.mean() == _split(4).y.mean()
