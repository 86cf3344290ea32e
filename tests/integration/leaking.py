"""A script whose callback keeps eight MiB of every epoch, on any backend: `script=` runs it for the test of memory."""

import sys
from typing import Any

import keras
import numpy as np

KEPT = [np.ones(1)]


class Leak(keras.callbacks.Callback):
    """Keeps what it should not."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keep eight MiB, all of them used."""
        KEPT.append(np.ones(1 << 20))


x = np.random.RandomState(1).normal(size=(640, 20)).astype("float32")
y = x.sum(axis=1, keepdims=True)
model = keras.models.Sequential([keras.layers.Dense(32, activation="relu", input_shape=(20,)), keras.layers.Dense(1)])
model.compile("sgd", loss="mse")
model.fit(x, y, epochs=10, verbose=0, callbacks=[Leak()] if "leak" in sys.argv else [])
