"""Models that practitioners bring, in the notation of today: no name on a layer, nothing of kerasbench."""

from typing import Any

import keras
from keras import layers
from keras.models import Model, Sequential


def resnet(input_shapes: Any, classes: Any) -> Any:
    """Residual blocks with batch normalization and convolutions without a bias (He et al., arXiv:1512.03385)."""

    def block(x: Any, width: int) -> Any:
        y = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        y = layers.Activation("relu")(layers.BatchNormalization()(y))
        y = layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same", use_bias=False)(y))
        shortcut = layers.BatchNormalization()(layers.Conv2D(width, 1, use_bias=False)(x))
        return layers.Activation("relu")(layers.add([shortcut, y]))

    image = layers.Input(shape=input_shapes[0])
    x = layers.MaxPooling2D(2)(block(image, 8))
    x = layers.GlobalAveragePooling2D()(block(x, 16))
    return Model(image, layers.Dense(classes, activation="softmax")(layers.Dropout(0.3)(x)))


def separable(input_shapes: Any, classes: Any) -> Any:
    return Sequential(
        [
            layers.Input(shape=input_shapes[0]),
            layers.SeparableConv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.SeparableConv2D(16, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def convolutions(input_shapes: Any, classes: Any) -> Any:
    """The other kinds of convolution; all of them have no bias."""
    image = layers.Input(shape=input_shapes[0])
    x = layers.MaxPooling2D(4)(layers.Conv2DTranspose(4, 3, use_bias=False)(image))
    x = layers.DepthwiseConv2D(3, use_bias=False)(x)
    x = layers.Conv1D(4, 3, use_bias=False)(layers.Reshape((36, 4))(x))
    return Model(image, layers.Dense(classes, activation="softmax")(layers.GlobalAveragePooling1D()(x)))


def bidirectional_gru(input_shapes: Any, classes: Any) -> Any:
    """Reads an image row by row; `reset_after` and the activation are named, as their defaults differ."""
    image = layers.Input(shape=input_shapes[0])
    height, width, channels = input_shapes[0]
    x = layers.Reshape((height, width * channels))(image)
    x = layers.Bidirectional(layers.GRU(16, reset_after=False, recurrent_activation="sigmoid", dropout=0.2))(x)
    return Model(image, layers.Dense(classes, activation="softmax")(x))


def mobilenet(input_shapes: Any, classes: Any) -> Any:
    from keras.applications.mobilenet_v2 import MobileNetV2

    return MobileNetV2(input_shape=input_shapes[0], alpha=0.35, weights=None, classes=classes)


def regression(input_shapes: Any, outputs: Any) -> Any:
    return Sequential([layers.Input(shape=input_shapes[0]), layers.Dense(32, activation="tanh"), layers.Dense(outputs)])


def sigmoid(input_shapes: Any, outputs: Any) -> Any:
    """Answers yes or no, and is compiled by its author."""
    model = Sequential(
        [
            layers.Input(shape=input_shapes[0]),
            layers.Dense(32, activation="relu"),
            layers.Dense(outputs, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model


def sparse(input_shapes: Any, classes: Any) -> Any:
    """Takes class numbers instead of one-hot rows."""
    image = layers.Input(shape=input_shapes[0])
    hidden = layers.Dense(32, activation="relu")(layers.Flatten()(image))
    model = Model(image, layers.Dense(classes, activation="softmax")(hidden))
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def two_outputs(input_shapes: Any, outputs: Any) -> Any:
    """A class and a value from two inputs."""
    first, second = (layers.Input(shape=shape) for shape in input_shapes)
    both = layers.concatenate([layers.Dense(16, activation="relu")(first), layers.Dense(16, activation="relu")(second)])
    kind = layers.Dense(outputs[0], activation="softmax")(both)
    return Model([first, second], [kind, layers.Dense(outputs[1])(both)])


class Subclassed(keras.Model):
    """A subclass of keras.Model, whose weights exist only once it has been called."""

    def __init__(self, classes: Any) -> None:
        super().__init__()
        self.flatten = layers.Flatten()
        self.hidden = layers.Dense(32, activation="relu")
        self.kind = layers.Dense(classes, activation="softmax")

    def call(self, inputs: Any) -> Any:
        return self.kind(self.hidden(self.flatten(inputs)))


def transformer(input_shapes: Any, classes: Any) -> Any:
    """An encoder with self-attention (Vaswani et al., arXiv:1706.03762); MultiHeadAttention is of Keras 3."""
    words = layers.Input(shape=input_shapes[0], dtype="int32")
    x = layers.Embedding(50, 16)(words)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 8, dropout=0.1)(x, x))
    x = layers.LayerNormalization()(x + layers.Dense(16)(layers.Dense(32, activation="relu")(x)))
    return Model(words, layers.Dense(classes, activation="softmax")(layers.GlobalAveragePooling1D()(x)))


def regularised(input_shapes: Any, classes: Any) -> Any:
    """Small enough to overfit within a few epochs, and without dropout."""
    return Sequential(
        [
            layers.Input(shape=input_shapes[0]),
            layers.Dense(64, activation="relu"),
            layers.Dense(classes, activation="softmax"),
        ]
    )
