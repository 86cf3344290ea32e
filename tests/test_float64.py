"""The MLP in double precision: its gradients are those of its losses."""

import functools

import numpy as np

from kerasbench.worker import initializers
from models import mnist_mlp_float64


def test_a_step_lowers_the_loss_by_the_gradients_square() -> None:
    """To first order in the rate r, the loss of the same batch falls by r * |gradient|^2 = |change|^2 / r."""
    random = np.random.default_rng(0)
    images, labels = random.uniform(size=(8, 4, 4, 1)), np.eye(3)[random.integers(0, 3, 8)]
    drawn: dict[str, list[np.ndarray]] = {}

    def draw(name: str, kind: str, shapes: object) -> list[np.ndarray]:
        drawn[name] = [array.astype(np.float64) for array in initializers.draw(1, name, kind, shapes)]  # type: ignore[arg-type]
        return drawn[name]

    losses = functools.partial(mnist_mlp_float64.losses, units=6, dropout=0.0, batch_size=8)
    twice = np.concatenate([images, images]), np.concatenate([labels, labels])
    rate = 1e-4
    before, after = losses(*twice, draw=draw, rate=rate)
    start = {name: [array.copy() for array in arrays] for name, arrays in drawn.items()}
    numeric = _squared_gradient(lambda: losses(images, labels, draw=lambda name, *_: start[name], rate=0.0)[0], start)
    assert np.isclose((before - after) / rate, numeric, rtol=1e-2)


def _squared_gradient(loss: object, parameters: dict[str, list[np.ndarray]]) -> float:
    total, epsilon = 0.0, 1e-6
    assert callable(loss)
    for arrays in parameters.values():
        for array in arrays:
            for index in np.ndindex(array.shape):
                kept = array[index]
                array[index] = kept + epsilon
                above = loss()
                array[index] = kept - epsilon
                below = loss()
                array[index] = kept
                total += ((above - below) / (2 * epsilon)) ** 2
    return total
