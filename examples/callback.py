"""A `fit` in your own process or notebook, logged beside train.py's runs: KERAS_BACKEND=jax python callback.py.

Then `kerasbench report` compares the backends that you have run it on.
"""

# %% The data and the model are yours: here a regression.
import keras
import numpy as np

from kerasbench import MlflowCallback

random = np.random.default_rng(1)
x = random.normal(size=(20_000, 20)).astype("float32")
y = np.sin(x.sum(axis=1, keepdims=True)) + 0.1 * random.normal(size=(20_000, 1)).astype("float32")
model = keras.Sequential([keras.layers.Dense(256, "relu"), keras.layers.Dense(256, "relu"), keras.layers.Dense(1)])
model.compile("adam", loss="mse", metrics=["mae"])

# %% The one line that logs it.
callback = MlflowCallback(model="sine_regression", data="sines", examples=18_000)
model.fit(x, y, validation_split=0.1, epochs=4, batch_size=128, callbacks=[callback], verbose=2)
