"""Run by jax's interpreter on a GPU: how far cuDNN's LSTM is from JAX's own, by the precision that is asked for."""

import json
from typing import Any

import jax
import numpy as np
from jax.experimental import rnn

BATCH, STEPS, INPUTS, UNITS = 32, 28, 128, 128


def main() -> None:
    """Print the largest deviation, relative to the largest output, without a precision and with the highest."""
    jax.config.update("jax_default_matmul_precision", "highest")
    random = np.random.RandomState(1)
    x = jax.device_put(random.normal(size=(BATCH, STEPS, INPUTS)).astype("float32"))
    state = jax.numpy.zeros((1, BATCH, UNITS))
    weights = rnn.init_lstm_weight(jax.random.PRNGKey(1), INPUTS, UNITS, 1, False)
    lengths = jax.numpy.full((BATCH,), STEPS, dtype="int32")
    shape = {"input_size": INPUTS, "hidden_size": UNITS, "num_layers": 1, "dropout": 0.0, "bidirectional": False}
    unpacked = rnn.unpack_lstm_weights(weights, INPUTS, UNITS, 1, False)
    expected, _, _ = rnn.lstm_ref(x, state, state, *unpacked, lengths, INPUTS, UNITS, 1, 0.0, False)

    def deviation(**precision: Any) -> float:
        found, _, _ = rnn.lstm(x, state, state, weights, lengths, **shape, **precision)
        return float(abs(found - expected).max() / abs(expected).max())

    told = {"none": deviation(), "highest": deviation(precision="highest"), "high": deviation(precision="high")}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
