"""The convolutional network of Keras 2's examples/cifar10_cnn.py: 1,250,858 weights on 32 x 32 x 3 images."""

from typing import Any, List, Tuple

from keras.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from keras.models import Model


def build(
    input_shapes: List[Tuple[int, ...]], classes: int, dense_units: int, pooling_dropout: float, dense_dropout: float
) -> Any:
    """Return the model: image (height, width, channels) -> class probabilities (classes,)."""
    (image_shape,) = input_shapes
    image = Input(shape=image_shape, name="image")
    x = image
    for block, filters in ((1, 32), (2, 64)):
        x = Conv2D(filters, (3, 3), padding="same", activation="relu", name="block_{}_same".format(block))(x)
        x = Conv2D(filters, (3, 3), padding="valid", activation="relu", name="block_{}_valid".format(block))(x)
        x = MaxPooling2D((2, 2), name="block_{}_pooling".format(block))(x)
        if pooling_dropout:
            x = Dropout(pooling_dropout, name="block_{}_dropout".format(block))(x)
    x = Flatten(name="flatten")(x)
    x = Dense(dense_units, activation="relu", name="dense")(x)
    if dense_dropout:
        x = Dropout(dense_dropout, name="dense_dropout")(x)
    probabilities = Dense(classes, activation="softmax", dtype="float32", name="probabilities")(x)
    return Model(inputs=image, outputs=probabilities, name="cifar10_cnn")
