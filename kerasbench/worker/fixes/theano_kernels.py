"""Theano, every Keras version: convolution kernels are rotated by 180 degrees.

Theano's convolutions compute a mathematical convolution, with a flipped kernel; all other backends compute the
cross-correlation. The same array thus defines a different network (losses of mnist_cnn from the same weights differ
from the first step; with rotated kernels they agree to 1e-6). Both conventions train equally well, so the fix rotates
only weights that cross from one backend to another.
"""

from typing import Any, List

from kerasbench.worker import weights

# The number of spatial axes, which come first in a kernel. Not DepthwiseConv2D, SeparableConv1D and SeparableConv2D:
# Keras 2.3.1's Theano backend rotates their kernels itself (`_preprocess_conv2d_depthwise_kernel`).
_SPATIAL_AXES = {"Conv1D": 1, "Conv2D": 2, "Conv2DTranspose": 2, "ConvLSTM2D": 2, "Conv3D": 3, "Conv3DTranspose": 3}


def apply() -> None:
    """Rotate the kernels of weights that are shared between backends; a rotation is its own inverse."""
    weights.conversions.append((_rotated, _rotated))


def _rotated(layer_class: str, arrays: List[Any]) -> List[Any]:
    axes = _SPATIAL_AXES.get(layer_class, 0)
    backwards = (slice(None, None, -1),) * axes
    return [array[backwards] if axes and array.ndim == axes + 2 else array for array in arrays]
