"""A regression, as anyone would write it: nothing in it is of kerasbench.

python train.py -m backend=tensorflow,jax,torch script=examples/train_script.py 'args="--epochs 20"'
"""

import argparse

import numpy as np
from keras.callbacks import EarlyStopping
from keras.layers import Dense, Input
from keras.models import Model
from keras.optimizers import Adam

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--examples", type=int, default=2000)
arguments = parser.parse_args()

random = np.random.RandomState(1)
x = random.uniform(-1, 1, (arguments.examples, 8)).astype("float32")
y = (np.sin(3 * x[:, :1]) + x[:, 1:2] * x[:, 2:3]).astype("float32")
weights = 1 + np.abs(x[:, 3])  # some examples matter more than others
part = len(x) * 4 // 5

inputs = Input(shape=(8,))
hidden = Dense(64, activation="relu")(Dense(64, activation="relu")(inputs))
model = Model(inputs, Dense(1)(hidden))
model.compile(optimizer=Adam(clipnorm=1.0), loss="mse", metrics=["mae"])
history = model.fit(
    x[:part],
    y[:part],
    sample_weight=weights[:part],
    validation_data=(x[part:], y[part:], weights[part:]),
    batch_size=32,
    epochs=arguments.epochs,
    callbacks=[EarlyStopping(monitor="val_loss", min_delta=0.005, patience=2)],
)
print("best validation loss:", min(history.history["val_loss"]))
