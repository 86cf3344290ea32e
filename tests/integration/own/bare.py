"""A hand-written training in Keras 3 of what test_own_models.py asks of train.py; prints the history as JSON."""

import json
import sys
from typing import Any

import keras
import numpy as np
from nets import regularised  # type: ignore[import-not-found]

EPOCHS, BATCH, SEED = 12, 32, 1
keras.utils.set_random_seed(SEED)
with np.load(sys.argv[1]) as arrays:
    x, y, x_test, y_test = (arrays[name] for name in ("x_train", "y_train", "x_test", "y_test"))
y, y_test = (np.eye(4, dtype="float32")[labels] for labels in (y, y_test))


class Shuffled(keras.utils.PyDataset):
    """Draws each epoch's order as train.py does: NumPy's permutations under the seed."""

    def __init__(self) -> None:
        super().__init__()
        self.random = np.random.RandomState(SEED)
        self.order = np.arange(len(x))  # Keras reads a batch before the first epoch

    def draw(self) -> None:
        self.order = self.random.permutation(len(x))

    def __len__(self) -> int:
        return -(-len(x) // BATCH)

    def __getitem__(self, number: int) -> Any:
        rows = self.order[number * BATCH : (number + 1) * BATCH]
        return x[rows], y[rows]


model = regularised([x.shape[1:]], 4)
schedule = keras.optimizers.schedules.CosineDecay(0.01, decay_steps=100)
optimizer = keras.optimizers.AdamW(learning_rate=schedule, weight_decay=1e-3, clipnorm=1.0)
model.compile(optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=1)
shuffled = Shuffled()
drawing = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: shuffled.draw())
history = model.fit(
    shuffled, shuffle=False, validation_data=(x_test, y_test), epochs=EPOCHS, callbacks=[drawing, stopping], verbose=0
)
print(json.dumps(history.history))
