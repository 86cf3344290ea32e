"""A small ResNet on images, with a folder for each class.

python examples/images.py shapes
python train.py -m backend=tensorflow,jax,torch model=examples/images.py:resnet data=./shapes/
"""

import sys
from pathlib import Path


def resnet(input_shapes, classes, width=8):
    from keras import layers, models

    def block(x, width):
        y = layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same", use_bias=False)(x))
        y = layers.Conv2D(width, 3, padding="same", use_bias=False)(layers.Activation("relu")(y))
        y = layers.BatchNormalization()(y)
        return layers.Activation("relu")(layers.add([layers.Conv2D(width, 1, use_bias=False)(x), y]))

    image = layers.Input(shape=input_shapes[0])
    x = layers.MaxPooling2D(2)(block(image, width))
    x = layers.GlobalAveragePooling2D()(block(x, 2 * width))
    return models.Model(image, layers.Dense(classes, activation="softmax")(x))


def make_images(folder):
    import numpy as np
    from PIL import Image, ImageDraw

    random = np.random.default_rng(1)
    for kind in ("ellipse", "rectangle"):
        (Path(folder) / kind).mkdir(parents=True)
        for number in range(100):
            image, (x, y) = Image.fromarray(random.integers(0, 99, (24, 24, 3), "uint8")), random.integers(0, 10, 2)
            getattr(ImageDraw.Draw(image), kind)([x, y, x + 12, y + 12], fill="white")
            image.save(Path(folder) / kind / f"{number}.png")


if __name__ == "__main__":
    make_images(sys.argv[1])
