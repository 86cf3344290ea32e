"""Theano, every Keras version: convolution kernels are rotated by 180 degrees.

Theano's conv2d computes a mathematical convolution, with a flipped kernel; all other backends compute the
cross-correlation. The same array thus defines a different network (losses of mnist_cnn from the same weights differ
from the first step; with rotated kernels they agree to 1e-6). Both conventions train equally well, so the fix rotates
only weights that come from outside.
"""

from typing import Any, List

from kerasbench.worker import weights


def apply() -> None:
    """Rotate the kernels of weights that are shared between backends."""
    weights.conversions.append((lambda layer_class, shapes: shapes, _rotate_kernels))


def _rotate_kernels(layer_class: str, arrays: List[Any]) -> List[Any]:
    if layer_class != "Conv2D":
        return arrays
    kernel, bias = arrays  # kernel: (height, width, channels in, channels out)
    return [kernel[::-1, ::-1], bias]
