"""A user's own training script, which times its epochs itself. It runs bare and by `train.py script=`.

`python timed_script.py EPOCHS`; the last line of output is a JSON object. It supports Keras 2.3 and 3.
"""

import json
import sys
import time
from typing import Any, List

import numpy as np
from keras.callbacks import Callback, EarlyStopping
from keras.layers import Dense, Input
from keras.models import Model
from keras.optimizers import Adam


class Clock(Callback):
    """Keeps the seconds from each epoch's beginning to its validation's."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: List[float] = []
        self.began = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the clock."""
        self.began = time.perf_counter()

    def on_test_begin(self, logs: Any = None) -> None:
        """Stop the clock."""
        self.seconds.append(time.perf_counter() - self.began)


random = np.random.RandomState(1)
x = random.uniform(-1, 1, (40000, 64)).astype("float32")
y = (np.sin(3 * x[:, :1]) + x[:, 1:2] * x[:, 2:3]).astype("float32")
weights = 1 + np.abs(x[:, 3])
part = len(x) * 4 // 5

inputs = Input(shape=(64,))
hidden = Dense(512, activation="relu")(Dense(512, activation="relu")(inputs))
model = Model(inputs, Dense(1)(hidden))
model.compile(optimizer=Adam(clipnorm=1.0), loss="mse")
clock = Clock()
model.fit(
    x[:part],
    y[:part],
    sample_weight=weights[:part],
    validation_data=(x[part:], y[part:], weights[part:]),
    batch_size=64,
    epochs=int(sys.argv[1]),
    callbacks=[EarlyStopping(monitor="val_loss", patience=100), clock],
    verbose=0,
)
print(json.dumps({"epoch_seconds": clock.seconds}))
