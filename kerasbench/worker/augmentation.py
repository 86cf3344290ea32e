"""Shifts and flips images in NumPy, so that every backend trains on the same images."""

from typing import Any

import numpy as np

Array = Any  # a NumPy array
MAX_SHIFT = 0.1  # of the height and of the width, as in Keras 2's examples/cifar10_cnn.py
_BLOCK = 2000  # images at a time, to limit memory use


def shift_and_flip(images: Array, random: Any) -> Array:
    """Return (n, height, width, channels) images, each shifted by up to a tenth either way and half of them mirrored.

    Shifts are whole pixels; new pixels repeat the image's edge. Keras' generator differs in one point: it shifts by
    fractions of a pixel and interpolates.

    Args:
        images: any dtype; the result has the same dtype.
        random: a RandomState; the number of draws does not depend on the pixel values.
    """
    count, height, width = images.shape[:3]
    reach_y, reach_x = int(MAX_SHIFT * height), int(MAX_SHIFT * width)
    down = random.randint(-reach_y, reach_y + 1, count)
    right = random.randint(-reach_x, reach_x + 1, count)
    mirrored = random.randint(0, 2, count).astype(bool)
    rows = np.clip(np.arange(height) - down[:, np.newaxis], 0, height - 1)
    columns = np.clip(np.arange(width) - right[:, np.newaxis], 0, width - 1)
    columns[mirrored] = columns[mirrored, ::-1]
    changed = np.empty_like(images)
    for start in range(0, count, _BLOCK):
        block = slice(start, start + _BLOCK)
        number = np.arange(start, min(start + _BLOCK, count))[:, np.newaxis, np.newaxis]
        changed[block] = images[number, rows[block][:, :, np.newaxis], columns[block][:, np.newaxis, :]]
    return changed
