"""CIFAR-10's stand-in: ten drawn shapes in random colours, sizes and positions on random backgrounds."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kerasbench.data.arrays import Arrays

TRAIN_EXAMPLES, TEST_EXAMPLES = 50_000, 10_000
_SIDE = 32  # pixels
_RADIUS = (6.0, 11.0)  # pixels, from a shape's centre to its edge
_MAX_TURN = np.deg2rad(15)  # beyond 22 degrees, a plus and a saltire would be confused
_CONTRAST = (70, 186)  # levels between shape and background in each channel, modulo 256
_GRADIENT = 30.0  # levels between the background's centre and its edge
_NOISE = 18.0  # levels, standard deviation
_BLOCK = 500  # images at a time, to limit memory

Plane = NDArray[np.float32]


def _box(u: Plane, v: Plane, width: float, height: float) -> Plane:
    return np.maximum(np.abs(u) - np.float32(width), np.abs(v) - np.float32(height))


def _disc(u: Plane, v: Plane, radius: float) -> Plane:
    distance: Plane = np.hypot(u, v) - np.float32(radius)
    return distance


def _triangle(u: Plane, v: Plane) -> Plane:
    sides: Plane = np.float32(0.87) * np.abs(u) - np.float32(0.5) * v - np.float32(0.5)
    triangle: Plane = np.maximum(sides, v - np.float32(0.6))
    return triangle


def _plus(u: Plane, v: Plane) -> Plane:
    return np.minimum(_box(u, v, 1, 0.27), _box(u, v, 0.27, 1))


def _saltire(u: Plane, v: Plane) -> Plane:
    half = np.float32(0.5**0.5)
    return _plus((u + v) * half, (u - v) * half)


# A shape is the set of points (u right, v down) where its function is negative. Inside and near the edge, the value is
# the signed distance to the edge. The origin is the centre; only corners lie farther from it than 1.
SHAPES: dict[str, Callable[[Plane, Plane], Plane]] = {
    "disc": lambda u, v: _disc(u, v, 0.95),
    "ring": lambda u, v: np.abs(_disc(u, v, 0.75)) - np.float32(0.2),
    "square": lambda u, v: _box(u, v, 0.8, 0.8),
    "frame": lambda u, v: np.abs(_box(u, v, 0.65, 0.65)) - np.float32(0.18),
    "triangle": _triangle,
    "plus": _plus,
    "saltire": _saltire,
    "bars": lambda u, v: _box(u, np.abs(v) - np.float32(0.55), 0.9, 0.27),
    "crescent": lambda u, v: np.maximum(_disc(u, v, 0.95), -_disc(u - np.float32(0.5), v, 0.75)),
    "pair": lambda u, v: _disc(np.abs(u) - np.float32(0.55), v, 0.42),
}


def embedded() -> Arrays:
    """Return the stand-in, identical on every call: (n, 32, 32, 3) bytes, and labels 0..9 for the shapes.

    In each channel, a shape is equally often darker and lighter than its background, and its position is random. A
    pixel's level therefore says nothing about the class: a linear model learns next to nothing, a convolutional
    network learns most of it.
    """
    parts = {}
    for part, count, seed in (("train", TRAIN_EXAMPLES, 20170902), ("test", TEST_EXAMPLES, 20170903)):
        random = np.random.default_rng(seed)
        labels = random.integers(len(SHAPES), size=count, dtype=np.uint8)
        images = np.empty((count, _SIDE, _SIDE, 3), np.uint8)
        for start in range(0, count, _BLOCK):
            images[start : start + _BLOCK] = _drawn(labels[start : start + _BLOCK], random)
        parts[f"{part}_image"], parts[f"{part}_labels"] = images, labels
    return Arrays("colour-shapes-stand-in", ("image",), len(SHAPES), parts)


def _drawn(labels: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Return an image (n, 32, 32, 3) of each label's shape."""
    count = len(labels)
    # The background: a random colour with a linear gradient in a random direction.
    colour = random.integers(256, size=(count, 1, 1, 3), dtype=np.int64)
    across, down = random.uniform(-_GRADIENT, _GRADIENT, (2, count, 1, 1)).astype(np.float32)
    row, column = np.mgrid[-1 : 1 : _SIDE * 1j, -1 : 1 : _SIDE * 1j].astype(np.float32)
    background = colour.astype(np.float32) + (across * column + down * row)[..., np.newaxis]
    # The shape: modulo 256, its channels differ from the background's, and all levels are equally frequent.
    contrast = random.integers(*_CONTRAST, size=colour.shape)
    difference = ((colour + contrast) % 256).astype(np.float32) - background
    image = background + difference * _coverage(labels, random)[..., np.newaxis]
    noise = random.standard_normal(image.shape, np.float32)
    noise *= np.float32(_NOISE)
    image += noise
    levels: NDArray[np.uint8] = np.clip(np.rint(image, out=image), 0, 255, out=image).astype(np.uint8)
    return levels


def _coverage(labels: NDArray[np.uint8], random: np.random.Generator) -> Plane:
    """Return the fraction of each pixel (n, 32, 32) that a shape with random position, size and rotation covers."""
    count = len(labels)
    radius = random.uniform(*_RADIUS, (count, 1, 1)).astype(np.float32)
    # The whole shape except its corners is in the image.
    middle_row, middle_column = random.uniform(-1, 1, (2, count, 1, 1)).astype(np.float32) * ((_SIDE - 1) / 2 - radius)
    turn = random.uniform(-_MAX_TURN, _MAX_TURN, (count, 1, 1)).astype(np.float32)
    row, column = (np.mgrid[:_SIDE, :_SIDE] - (_SIDE - 1) / 2).astype(np.float32)
    row, column = (row - middle_row) / radius, (column - middle_column) / radius
    u = np.cos(turn) * column + np.sin(turn) * row
    v = np.cos(turn) * row - np.sin(turn) * column
    inside = np.empty(u.shape, np.float32)
    for label, shape in enumerate(SHAPES.values()):
        chosen = labels == label
        inside[chosen] = shape(u[chosen], v[chosen])
    coverage: Plane = np.clip(np.float32(0.5) - inside * radius, 0, 1)  # anti-aliased over one pixel
    return coverage
