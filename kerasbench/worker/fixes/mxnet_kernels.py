"""keras-mxnet 2.2.4.3: with channels-first images, convolution kernels are channels-first, too.

It stores a kernel as (channels out, channels in, height, width); all other backends store (height, width, channels in,
channels out) in either layout. Shared weights do not fit, and Glorot's limits, computed from the shape, differ. Found
by the parity check of mnist_cnn with `settings.image_layout=channels_first`: 6e-3 at the first step.
"""

from typing import Any, List

from keras import backend

from kerasbench.worker import weights


def apply() -> None:
    """Transpose the kernels of weights that are shared between backends."""
    if backend.image_data_format() == "channels_first":
        weights.conversions.append((_common, _own))


def _common(layer_class: str, arrays: List[Any]) -> List[Any]:
    return _transposed(layer_class, arrays, (2, 3, 1, 0))


def _own(layer_class: str, arrays: List[Any]) -> List[Any]:
    return _transposed(layer_class, arrays, (3, 2, 0, 1))


def _transposed(layer_class: str, arrays: List[Any], axes: Any) -> List[Any]:
    if layer_class != "Conv2D":
        return arrays
    return [array.transpose(axes) if array.ndim == 4 else array for array in arrays]
