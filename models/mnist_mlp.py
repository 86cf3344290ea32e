"""The multi-layer perceptron of Keras 2's examples/mnist_mlp.py: 669,706 weights on 28 x 28 images."""

from typing import Any, List, Tuple

from keras.layers import Dense, Dropout, Flatten, Input
from keras.models import Model


def build(input_shapes: List[Tuple[int, ...]], classes: int, units: int, dropout: float) -> Any:
    """Return the model: image (height, width, channels) -> class probabilities (classes,)."""
    (image_shape,) = input_shapes
    image = Input(shape=image_shape, name="image")
    x = Flatten(name="flatten")(image)
    for number in (1, 2):
        x = Dense(units, activation="relu", name="hidden_{}".format(number))(x)
        if dropout:
            x = Dropout(dropout, name="hidden_{}_dropout".format(number))(x)
    probabilities = Dense(classes, activation="softmax", dtype="float32", name="probabilities")(x)
    return Model(inputs=image, outputs=probabilities, name="mnist_mlp")
