"""Theano 1.0, every Keras version: ReLU's gradient at exactly 0 is 0.5.

`theano.tensor.nnet.relu(x)` is 0.5 * (x + |x|), whose derivative at 0 is 0.5 in Theano; all other backends use 0. A
convolution on an image's constant background is exactly 0 until its bias changes, so the first training steps differ.
Found by comparing losses on MNIST: with the kernels and the pooling fixed (theano_kernels, theano_pooling), mnist_cnn
still deviated by 8e-5.

The fix writes ReLU as a switch, whose gradient at 0 is 0.
"""

from typing import Any, Optional

import theano.tensor as T
from keras import backend


def apply() -> None:
    """Replace `keras.backend.relu` for the plain ReLU."""
    theano_relu = backend.relu

    def relu(x: Any, alpha: float = 0.0, max_value: Optional[float] = None, threshold: float = 0.0) -> Any:
        if alpha or threshold or max_value is not None:
            return theano_relu(x, alpha, max_value, threshold)
        return T.switch(x > 0, x, 0)

    backend.relu = relu
