"""The shared initial weights: the distributions of the Keras examples, drawn by layer name."""

import numpy as np
import pytest

from kerasbench.worker import initializers


def test_a_layers_weights_depend_on_its_name_and_the_seed_alone() -> None:
    first = initializers.draw(1, "dense", "Dense", [(20, 10), (10,)])
    again = initializers.draw(1, "dense", "Dense", [(20, 10), (10,)])
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    assert not np.array_equal(first[0], initializers.draw(2, "dense", "Dense", [(20, 10), (10,)])[0])
    assert not np.array_equal(first[0], initializers.draw(1, "other", "Dense", [(20, 10), (10,)])[0])


def test_the_weights_are_the_same_numbers_in_every_release() -> None:
    kernel, bias = initializers.draw(1, "dense", "Dense", [(2, 2), (2,)])
    assert kernel == pytest.approx(np.array([[-0.7487493, 1.029719], [-0.774372, -0.76397276]]), abs=1e-6)
    assert bias.tolist() == [0, 0]


def test_a_kernel_is_uniform_within_glorots_limit() -> None:
    kernel, _ = initializers.draw(1, "conv", "Conv2D", [(3, 3, 32, 64), (64,)])
    limit = np.sqrt(6 / (9 * (32 + 64)))
    assert 0.98 * limit < np.abs(kernel).max() <= limit
    assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)
    assert kernel.dtype == np.float32


def test_an_lstm_has_orthogonal_recurrent_weights_and_a_forget_bias_of_one() -> None:
    _, recurrent, bias = initializers.draw(1, "lstm", "LSTM", [(10, 200), (50, 200), (200,)])
    assert recurrent @ recurrent.T == pytest.approx(np.eye(50), abs=1e-5)
    assert bias.reshape(4, 50).tolist() == [[0] * 50, [1] * 50, [0] * 50, [0] * 50]


def test_an_embedding_is_uniform_within_five_hundredths() -> None:
    (table,) = initializers.draw(1, "words", "Embedding", [(100, 50)])
    assert 0.049 < np.abs(table).max() <= 0.05


def test_what_is_not_known_of_a_layer_is_an_error() -> None:
    with pytest.raises(ValueError, match="layer gru: no shared initial weights are known of a GRU"):
        initializers.draw(1, "gru", "GRU", [(1, 3)])
    with pytest.raises(ValueError, match="dense has 1 weights, not 2"):
        initializers.draw(1, "dense", "Dense", [(2, 2)])
