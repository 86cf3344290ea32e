"""Theano, every Keras: a convolution's kernel is kept rotated by half a turn.

Theano's conv2d convolves in the mathematical sense, with a flipped kernel; all other backends correlate. The same
array is then another network (losses of mnist_cnn from the same weights differ from the first step; rotated, they
agree to 1e-6). Training is as good either way: only weights that come from outside are turned here.
"""

from typing import Any, List

from kerasbench.worker import weights


def apply() -> None:
    """Turn the kernels of weights that are shared between backends."""
    weights.conversions.append((lambda layer_class, shapes: shapes, _rotate_kernels))


def _rotate_kernels(layer_class: str, arrays: List[Any]) -> List[Any]:
    if layer_class != "Conv2D":
        return arrays
    kernel, bias = arrays  # kernel: (height, width, channels in, channels out)
    return [kernel[::-1, ::-1], bias]
