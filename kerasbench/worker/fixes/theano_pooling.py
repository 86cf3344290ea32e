"""Theano 1.0, every Keras version: max pooling passes its gradient to every maximum of a window instead of one.

Where several inputs of a window share the maximum, `MaxPoolGrad` in theano/tensor/signal/pool.py adds the whole
gradient to each; all other backends pass it to the first only. Ties are common: every window on an image's constant
background is one, so a preceding convolution receives up to four times the gradient there. Found by comparing losses on
MNIST: mnist_cnn deviates from the second step on, by 4e-4 at the fourth.

The fix makes the operator's C code discard the maximum after its first match.
"""

from typing import Any

from theano.tensor.signal.pool import MaxPoolGrad

_GIVE = "gx[0] = gx[0] + gz[0];"


def apply() -> None:
    """Change the gradient's C code, and its version so that Theano does not reuse a compiled copy from its cache."""
    c_code, version = MaxPoolGrad.c_code, MaxPoolGrad.c_code_cache_version

    def to_the_first(self: Any, *args: Any, **kwargs: Any) -> str:
        code: str = c_code(self, *args, **kwargs)
        assert _GIVE in code
        return code.replace(_GIVE, _GIVE + " maximum = NAN;")  # NaN compares unequal to every input

    MaxPoolGrad.c_code = to_the_first
    MaxPoolGrad.c_code_cache_version = lambda self: (*version(self), "first maximum")
