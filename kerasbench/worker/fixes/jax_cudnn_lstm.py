"""Keras 3 on JAX: cuDNN's LSTM is not exact where products must be.

With `settings.matmul_precision=highest`, an LSTM without a mask deviates by 4.5e-4 on an H200 (JAX 0.11.2), as much as
TF32 would, and not on the same machine's CPU. Keras 3.15.1 calls `jax.experimental.rnn.lstm` without `precision`, but
that is not the cause: JAX then takes `jax_default_matmul_precision`, and passes cuDNN CUDNN_FMA_MATH in the forward and
the backward pass (`_lstm_cudnn_allow_tf32` in jax/experimental/rnn.py; jaxlib/gpu/rnn_kernels.cc). What remains is
inside cuDNN. `make gpu` measures it.
"""

import importlib
from typing import Any

import jax


def apply() -> None:
    """With the highest precision, let Keras compute LSTMs by its own products, which JAX computes as told."""
    if jax.config.jax_default_matmul_precision not in ("highest", "float32"):
        return

    rnn = importlib.import_module("keras.src.backend.jax.rnn")  # `import ... as` finds the function of that name

    def never(*arguments: Any, **more: Any) -> bool:
        return False

    rnn.cudnn_ok = never  # type: ignore[attr-defined]
