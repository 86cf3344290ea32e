"""As much of Keras as the worker and `models/mnist_mlp.py` use, in NumPy: Keras 2 on Theano, Keras 3 elsewhere.

Networks are chains of layers; the loss is the categorical cross-entropy of a softmax.
"""

from . import backend, callbacks, config, layers, models, optimizers, utils

__version__ = "2.3.stub" if backend.backend() == "theano" else "3.15.stub"
__all__ = ["backend", "callbacks", "config", "layers", "models", "optimizers", "utils"]
