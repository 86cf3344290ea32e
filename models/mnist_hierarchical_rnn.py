"""The recurrent network of Keras 2's examples/mnist_hierarchical_rnn.py: 199,434 weights on 28 x 28 x 1 images.

One LSTM reads each row pixel by pixel, another reads the rows' encodings (Li, Luong and Jurafsky, arXiv:1506.01057).
"""

from typing import Any, List, Tuple

from keras.layers import LSTM, Dense, Input, TimeDistributed
from keras.models import Model


def build(input_shapes: List[Tuple[int, ...]], classes: int, row_units: int, column_units: int) -> Any:
    """Return the model: image (rows, columns, channels) -> class probabilities (classes,)."""
    (image_shape,) = input_shapes
    image = Input(shape=image_shape, name="image")
    # The recurrent activation's default differs between Keras versions.
    row_encoder = LSTM(row_units, activation="tanh", recurrent_activation="sigmoid", name="row_encoder")
    rows = TimeDistributed(row_encoder, name="rows")(image)
    columns = LSTM(column_units, activation="tanh", recurrent_activation="sigmoid", name="columns")(rows)
    probabilities = Dense(classes, activation="softmax", dtype="float32", name="probabilities")(columns)
    return Model(inputs=image, outputs=probabilities, name="mnist_hierarchical_rnn")
