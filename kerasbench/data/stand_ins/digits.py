"""MNIST's stand-in: 70,000 variations (enlarged, shifted, rotated) of scikit-learn's 1,797 handwritten digits."""

import numpy as np
from numpy.typing import NDArray

from kerasbench.data.arrays import Arrays

TRAIN_EXAMPLES, TEST_EXAMPLES = 60_000, 10_000
_SIDE = 28  # pixels
_MAX_SHIFT = 2.0  # pixels
_MAX_TURN = np.deg2rad(12)
_BLOCK = 5_000  # images at a time, to limit memory


def embedded() -> Arrays:
    """Return the stand-in, identical on every call.

    A sixth of the source images (https://archive.ics.uci.edu/dataset/80, 8 x 8 pixels, 17 grey levels) is reserved
    for the test set, so no digit is in both sets.
    """
    from sklearn.datasets import load_digits  # slow to import, and rarely needed

    sources = load_digits()
    images, labels = sources.images, sources.target.astype(np.uint8)
    random = np.random.default_rng(20170901)
    shuffled = random.permutation(len(images))
    apart = len(images) // 6
    parts = {}
    for part, chosen, count in (("test", shuffled[:apart], TEST_EXAMPLES), ("train", shuffled[apart:], TRAIN_EXAMPLES)):
        drawn = random.choice(chosen, count)
        parts[f"{part}_image"] = np.concatenate(
            [_varied(images[drawn[start : start + _BLOCK]], random) for start in range(0, count, _BLOCK)]
        )[..., np.newaxis]
        parts[f"{part}_labels"] = labels[drawn]
    return Arrays("digits-stand-in", ("image",), 10, parts)


def _varied(images: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.uint8]:
    """Return (n, 8, 8) images of 0..16 as (n, 28, 28) bytes, enlarged, and randomly rotated and shifted a little."""
    from scipy.ndimage import map_coordinates

    count, side = len(images), images.shape[1]
    turn = random.uniform(-_MAX_TURN, _MAX_TURN, (count, 1, 1))
    shift = random.uniform(-_MAX_SHIFT, _MAX_SHIFT, (2, count, 1, 1))
    centre = (_SIDE - 1) / 2
    row, column = np.mgrid[:_SIDE, :_SIDE] - centre
    row, column = row - shift[0], column - shift[1]
    # The digit fills the middle 20 pixels, as in MNIST.
    scale = side / 20
    source_row = (np.cos(turn) * row - np.sin(turn) * column) * scale + (side - 1) / 2
    source_column = (np.sin(turn) * row + np.cos(turn) * column) * scale + (side - 1) / 2
    number = np.broadcast_to(np.arange(count).reshape(-1, 1, 1), source_row.shape)
    grey = map_coordinates(images, [number, source_row, source_column], order=1, mode="constant")
    levels: NDArray[np.uint8] = np.clip(np.rint(grey * (255 / 16)), 0, 255).astype(np.uint8)
    return levels
