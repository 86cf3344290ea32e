"""Writes the data of the models in nets.py as .npz files."""

from pathlib import Path

import numpy as np

EXAMPLES = 320  # what a parity run needs, and a test part of a fifth


def write(folder: Path) -> None:
    """Write images.npz, values.npz, answers.npz, both.npz and words.npz."""
    random = np.random.RandomState(1)
    labels = random.randint(0, 4, EXAMPLES)
    images = random.normal(size=(4, 32, 32, 3))[labels] + random.normal(size=(EXAMPLES, 32, 32, 3))
    table = random.normal(size=(EXAMPLES, 8)).astype(np.float32)
    values = np.sin(table.sum(axis=1)).astype(np.float32)
    words = (random.randint(0, 12, (EXAMPLES, 20)) + 12 * labels[:, np.newaxis]).astype(np.int32)
    np.savez(folder / "images.npz", x=images.astype(np.float32), y=labels)
    np.savez(folder / "values.npz", x=table, y=values)
    np.savez(folder / "answers.npz", x=table, y=(values > 0).astype(np.int64))
    np.savez(folder / "both.npz", x_0=table, x_1=table[:, ::-1].copy(), y_0=labels, y_1=values)
    np.savez(folder / "words.npz", x=words, y=labels)
