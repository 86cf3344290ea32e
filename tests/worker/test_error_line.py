"""Reducing an error to one line, with messages as the frameworks write them."""

import pytest

from kerasbench.worker.error_line import one_line

_KERAS_3 = """Exception encountered when calling Conv2D.call().

\x1b[1mNegative dimension size caused by subtracting 9 from 7 for 'conv' with input shapes: [?,7,7,32].\x1b[0m

Arguments received by Conv2D.call():
  • inputs=tf.Tensor(shape=(None, 7, 7, 32), dtype=float32)"""

_TENSORFLOW = """Graph execution error:

Detected at node gradient_tape/functional/dense/MatMul defined at (most recent call last):
<stack traces unavailable>
Matrix size-incompatible: In[0]: [32,10], In[1]: [9,512]
\t [[{{node gradient_tape/functional/dense/MatMul}}]] [Op:__inference_multi_step_on_iterator_1234]"""

_TENSORFLOW_1 = """2 root error(s) found.
  (0) Invalid argument: Incompatible shapes: [32,10] vs. [32,9]
\t [[{{node metrics/accuracy/Equal}}]]
\t [[loss/mul/_81]]
  (1) Invalid argument: Incompatible shapes: [32,10] vs. [32,9]
\t [[{{node metrics/accuracy/Equal}}]]
0 successful operations."""

_IN_USER_CODE = """in user code:

    File "/env/keras/engine/training.py", line 1284, in train_function  *
        return step_function(self, iterator)

    ValueError: Shapes (None, 10) and (None, 9) are incompatible
"""

_MXNET = """simple_bind error. Arguments:
/dense_1_input1: (128, 784)
dense_1_target1: (128, 10)
Error in operator dot0: [12:01:02] src/operator/tensor/./dot-inl.h:1241: Check failed: L[!Ta].Size() == R[Tb].Size()
Stack trace:
  [bt] (0) /env/mxnet/libmxnet.so(+0x307d3b) [0x7f]"""

_MXNET_CUDA = """simple_bind error. Arguments:
data: (128, 784)
[12:01:02] src/storage/storage.cc:119: Compile with USE_CUDA=1 to enable GPU usage
Stack trace:
  [bt] (0) /env/mxnet/libmxnet.so(+0x307d3b) [0x7f]"""

_CNTK = """Times: The left operand 'Input' rank (1) must be >= #axes (2) being reduced over.

[CALL STACK]
[0x7f2c]  CNTK::Internal::  UseSparseGradientAggregationInDataParallelSGD  (bool) + 0x42cf4c
    > std::runtime_error: unknown"""

_THEANO = """Input dimension mis-match. (input[0].shape[1] = 3, input[1].shape[1] = 4)
Apply node that caused the error: Elemwise{Add}[(0, 0)](Dot22.0, InplaceDimShuffle{x,0}.0)
HINT: Use the Theano flag 'exception_verbosity=high' for a debugprint"""

_JAX = """INVALID_ARGUMENT: Mosaic failed to compile
--------------------
For simplicity, JAX has removed its internal frames from the traceback of the following exception."""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError(_KERAS_3), "ValueError: Negative dimension size caused by subtracting 9 from 7"),
        (RuntimeError(_TENSORFLOW), "RuntimeError: Matrix size-incompatible: In[0]: [32,10], In[1]: [9,512]"),
        (RuntimeError(_TENSORFLOW_1), "RuntimeError: (0) Invalid argument: Incompatible shapes: [32,10] vs. [32,9]"),
        (ValueError(_IN_USER_CODE), "ValueError: Shapes (None, 10) and (None, 9) are incompatible"),
        (RuntimeError(_MXNET), "Check failed: L[!Ta].Size() == R[Tb].Size()"),
        (RuntimeError(_MXNET_CUDA), "Compile with USE_CUDA=1 to enable GPU usage"),
        (RuntimeError(_CNTK), "RuntimeError: Times: The left operand 'Input' rank (1)"),
        (ValueError(_THEANO), "ValueError: Input dimension mis-match."),
        (RuntimeError(_JAX), "RuntimeError: INVALID_ARGUMENT: Mosaic failed to compile"),
        (ValueError("one\n\ntwo"), "ValueError: one"),
        (ValueError("a heading:\n\nwhat it was"), "ValueError: what it was"),
        (ValueError("a heading:"), "ValueError: a heading:"),
        (ValueError(), "ValueError: (no message)"),
        (KeyError("x"), "KeyError: 'x'"),
    ],
)
def test_the_line_that_tells_most_is_kept_with_the_errors_type(error: Exception, told: str) -> None:
    line = one_line(error)
    assert told in line
    assert line.startswith(type(error).__name__ + ": ")
    assert "\n" not in line


def test_a_long_line_is_shortened() -> None:
    assert len(one_line(ValueError("x" * 100_000))) < 1000
