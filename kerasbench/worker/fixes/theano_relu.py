"""Theano 1.0, every Keras: the rectifier's gradient at exactly 0 is one half.

`theano.tensor.nnet.relu(x)` is 0.5 * (x + |x|), whose derivative at 0 Theano takes for 0.5; all other backends take 0.
A convolution on an image's constant background is exactly 0 until its bias moves, so that the first steps of training
differ. Found by comparing losses on MNIST: with the kernels and the pooling put right (theano_kernels,
theano_pooling), mnist_cnn still deviated by 8e-5.

Here the rectifier is a switch, which has no gradient at 0.
"""

from typing import Any, Optional

import theano.tensor as T
from keras import backend


def apply() -> None:
    """Replace `keras.backend.relu` where it is the plain rectifier."""
    theano_relu = backend.relu

    def relu(x: Any, alpha: float = 0.0, max_value: Optional[float] = None, threshold: float = 0.0) -> Any:
        if alpha or threshold or max_value is not None:
            return theano_relu(x, alpha, max_value, threshold)
        return T.switch(x > 0, x, 0)

    backend.relu = relu
