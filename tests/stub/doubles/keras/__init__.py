"""The part of Keras that the worker and `models/mnist_mlp.py` use, in NumPy: 2.2 on MXNet, 2.3 on Theano, else 3.

Networks are chains of layers; the loss is the categorical cross-entropy of a softmax.
"""

from . import backend, callbacks, config, layers, models, optimizers, utils

__version__ = {"mxnet": "2.2.stub", "theano": "2.3.stub"}.get(backend.backend(), "3.15.stub")
__all__ = ["backend", "callbacks", "config", "layers", "models", "optimizers", "utils"]
