"""Initial weights drawn in NumPy, by layer name, so that every backend can start from the same weights.

The distributions are the defaults of the Keras examples; the formulas are those of Keras' initializers. NumPy's
RandomState gives the same numbers in every release. This module does not import Keras: the driver uses it, too.
"""

import zlib
from typing import Any, Callable, Dict, List, Sequence

import numpy as np

Array = Any  # a NumPy array; NumPy has no type annotations under Python 3.6


def glorot_uniform(random: Any, shape: Sequence[int]) -> Array:
    """Return U(-l, l), l = sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, AISTATS 2010)."""
    receptive_field = int(np.prod(shape[:-2]))
    limit = np.sqrt(6.0 / (receptive_field * (shape[-2] + shape[-1])))
    return random.uniform(-limit, limit, shape)


def orthogonal(random: Any, shape: Sequence[int]) -> Array:
    """Return a matrix whose rows or columns, whichever are fewer, are orthonormal (Saxe et al., arXiv:1312.6120)."""
    rows, columns = shape
    q, r = np.linalg.qr(random.normal(size=(max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diag(r))
    return q if rows >= columns else q.T


def embedding_uniform(random: Any, shape: Sequence[int]) -> Array:
    """Return U(-0.05, 0.05)."""
    return random.uniform(-0.05, 0.05, shape)


def zeros(random: Any, shape: Sequence[int]) -> Array:
    """Return zeros."""
    return np.zeros(shape)


def unit_forget_bias(random: Any, shape: Sequence[int]) -> Array:
    """Return an LSTM's bias (4 * units,) for gates i, f, c, o: one for the forget gate, else zero (Jozefowicz 2015)."""
    bias = np.zeros(shape)
    units = shape[0] // 4
    bias[units : 2 * units] = 1.0
    return bias


# The weights of each layer class, in the order of its get_weights(), which is the same in all Keras versions.
_INITIALIZERS: Dict[str, List[Callable[[Any, Sequence[int]], Array]]] = {
    "Dense": [glorot_uniform, zeros],
    "Conv2D": [glorot_uniform, zeros],
    "LSTM": [glorot_uniform, orthogonal, unit_forget_bias],
    "Embedding": [embedding_uniform],
}


def draw(seed: int, layer_name: str, layer_class: str, shapes: Sequence[Sequence[int]]) -> List[Array]:
    """Return a layer's initial weights as float32, in the order of its get_weights().

    They depend only on the seed and the layer's name, not on the layers before it.

    Raises:
        ValueError: this layer class is unknown, or has a different number of weights.
    """
    random = np.random.RandomState(zlib.crc32("{}/{}".format(seed, layer_name).encode("utf-8")))
    initializers = _INITIALIZERS.get(layer_class)
    if initializers is None:
        raise ValueError(
            "layer {}: no shared initial weights are known of a {}; add them in kerasbench/worker/initializers.py, "
            "or set trainer.init=native".format(layer_name, layer_class)
        )
    if len(initializers) != len(shapes):
        raise ValueError("{} has {} weights, not {}".format(layer_name, len(shapes), len(initializers)))
    return [initialize(random, shape).astype(np.float32) for initialize, shape in zip(initializers, shapes)]
