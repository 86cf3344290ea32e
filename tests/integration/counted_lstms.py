"""Run by jax's interpreter: counts the calls of JAX's cuDNN LSTM, on a CPU that Keras takes for a GPU.

The call itself is replaced by JAX's reference implementation, which cuDNN's is tested against.
"""

import importlib
import json
import sys
from typing import Any

import jax
import keras
import numpy as np
from jax.experimental import rnn

precision, *fixes = sys.argv[1:]
if precision != "default":
    jax.config.update("jax_default_matmul_precision", precision)
for fix in fixes:
    importlib.import_module("kerasbench.worker.fixes." + fix).apply()

called: list[Any] = []


def reference(x: Any, h_0: Any, c_0: Any, weights: Any, lengths: Any, **shape: Any) -> Any:
    """Compute what cuDNN would."""
    called.append(rnn._lstm_cudnn_allow_tf32(shape.get("precision")))
    sizes = shape["input_size"], shape["hidden_size"], shape["num_layers"]
    unpacked = rnn.unpack_lstm_weights(weights, *sizes, shape["bidirectional"])
    return rnn.lstm_ref(x, h_0, c_0, *unpacked, lengths, *sizes, 0.0, shape["bidirectional"])


rnn.lstm = reference
importlib.import_module("keras.src.backend.jax.rnn")._is_gpu_available = lambda: True  # type: ignore[attr-defined]
keras.utils.set_random_seed(1)
model = keras.Sequential([keras.Input((5, 4)), keras.layers.LSTM(3)])
output = model.predict(np.random.RandomState(1).normal(size=(2, 5, 4)), verbose=0)
print(json.dumps({"calls": len(called), "allow_tf32": called, "output": output.tolist()}))
