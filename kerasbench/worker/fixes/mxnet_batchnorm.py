"""keras-mxnet 2.2.4.3: BatchNormalization never trains its gamma.

`mxnet_batchnorm` in keras/backend/mxnet_backend.py calls `mx.sym.BatchNorm` without `fix_gamma`, whose default, True,
sets gamma to 1 and its gradient to 0. Found by the parity check of a ResNet: equal outputs, and losses that deviate by
2e-4 from the second step on.
"""

import functools

import mxnet as mx


def apply() -> None:
    """Let MXNet's operator train gamma, as every other backend does."""
    mx.sym.BatchNorm = functools.partial(mx.sym.BatchNorm, fix_gamma=False)
