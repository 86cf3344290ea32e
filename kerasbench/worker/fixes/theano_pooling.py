"""Theano 1.0, every Keras: max pooling gives its gradient to every maximum of a window instead of one.

Where several inputs of a window share the maximum, `MaxPoolGrad` in theano/tensor/signal/pool.py adds the whole
gradient to each; all other backends give it to the first alone. Ties are no rarity: every window on an image's constant
background is one, so that a convolution before it is trained with up to four times the gradient there. Found by
comparing losses on MNIST: mnist_cnn deviates from the second step on, by 4e-4 at the fourth.

Here the operator's C code forgets the maximum once it has been found.
"""

from typing import Any

from theano.tensor.signal.pool import MaxPoolGrad

_GIVE = "gx[0] = gx[0] + gz[0];"


def apply() -> None:
    """Change the C code of the gradient, and its version, lest a compiled one be taken from Theano's cache."""
    c_code, version = MaxPoolGrad.c_code, MaxPoolGrad.c_code_cache_version

    def to_the_first(self: Any, *args: Any, **kwargs: Any) -> str:
        code: str = c_code(self, *args, **kwargs)
        assert _GIVE in code
        return code.replace(_GIVE, _GIVE + " maximum = NAN;")  # which equals nothing

    MaxPoolGrad.c_code = to_the_first
    MaxPoolGrad.c_code_cache_version = lambda self: (*version(self), "first maximum")
