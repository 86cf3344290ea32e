"""A user's training script for the double of Keras, which takes fewer arguments than Keras does."""

import textwrap
from pathlib import Path

# `fit(epochs)` trains the model on 20 examples.
_BEGINNING = """\
    import os
    import sys

    import keras
    import numpy as np
    from keras.layers import Dense, Input
    from keras.models import Model
    from keras.optimizers import SGD

    x, y = np.random.RandomState(0).rand(20, 4).astype("float32"), np.eye(3)[np.arange(20) % 3]
    image = Input(shape=(4,), name="image")
    model = Model(image, Dense(3, activation="softmax", name="probabilities")(image))
    rate = "lr" if keras.backend.backend() == "mxnet" else "learning_rate"  # as Keras 2.2 says
    model.compile("categorical_crossentropy", SGD(**{rate: 0.1}), metrics=["accuracy"])


    def fit(epochs, **more):
        model.fit(x, y, batch_size=5, shuffle=False, verbose=0, initial_epoch=0, epochs=epochs, **more)

"""


def write(folder: Path, end: str, name: str = "my_train.py") -> Path:
    """Write a script that has a model, the data and a function `fit`, and then does what its end says."""
    script = folder / name
    script.write_text(textwrap.dedent(_BEGINNING) + textwrap.dedent(end))
    return script
