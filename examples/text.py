"""A Transformer encoder that tells which of two topics a text is about (Keras 3: attention is newer than Keras 2).

python train.py -m backend=tensorflow,jax,torch model=examples/text.py:encoder data=examples/text.py:load
"""

import numpy as np

WORDS = "the match team goal player won market price bank stock fell rose today again after".split()
SPORT, MONEY = range(1, 6), range(6, 12)  # words 1 to 5 belong to one topic, 6 to 11 to the other
LENGTH = 12


def load(examples=2000):
    random = np.random.default_rng(1)
    y = random.integers(0, 2, examples)
    topic = np.where(
        y[:, None] == 0, random.choice(SPORT, (examples, LENGTH)), random.choice(MONEY, (examples, LENGTH))
    )
    anything = random.integers(0, len(WORDS), (examples, LENGTH))
    x = np.where(random.random((examples, LENGTH)) < 0.2, topic, anything).astype("int32")
    return x, y


def encoder(input_shapes, outputs, width=32):
    from keras import layers, models

    words = layers.Input(shape=input_shapes[0], dtype="int32")
    x = layers.Embedding(len(WORDS), width)(words)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(num_heads=2, key_dim=width // 2)(x, x))
    x = layers.LayerNormalization()(x + layers.Dense(width)(layers.Dense(2 * width, activation="relu")(x)))
    x = layers.GlobalAveragePooling1D()(x)
    return models.Model(words, layers.Dense(outputs, activation="sigmoid")(x))
