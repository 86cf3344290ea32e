"""The convolutional network of Keras 2's examples/mnist_cnn.py: 1,199,882 weights on 28 x 28 images."""

from typing import Any, List, Tuple

from keras.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from keras.models import Model


def build(
    input_shapes: List[Tuple[int, ...]], classes: int, dense_units: int, pooling_dropout: float, dense_dropout: float
) -> Any:
    """Return the model: image (height, width, channels) -> class probabilities (classes,)."""
    (image_shape,) = input_shapes
    image = Input(shape=image_shape, name="image")
    x = Conv2D(32, (3, 3), activation="relu", name="conv_1")(image)
    x = Conv2D(64, (3, 3), activation="relu", name="conv_2")(x)
    x = MaxPooling2D((2, 2), name="pooling")(x)
    if pooling_dropout:
        x = Dropout(pooling_dropout, name="pooling_dropout")(x)
    x = Flatten(name="flatten")(x)
    x = Dense(dense_units, activation="relu", name="dense")(x)
    if dense_dropout:
        x = Dropout(dense_dropout, name="dense_dropout")(x)
    probabilities = Dense(classes, activation="softmax", dtype="float32", name="probabilities")(x)
    return Model(inputs=image, outputs=probabilities, name="mnist_cnn")
