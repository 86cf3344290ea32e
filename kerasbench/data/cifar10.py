"""CIFAR-10: Krizhevsky, Nair and Hinton's tiny photographs, read from their Python batches."""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasbench.data.archives import Published
from kerasbench.data.arrays import Arrays
from kerasbench.data.download import RemoteFile
from kerasbench.data.stand_ins import colour_shapes
from kerasbench.terminal.errors import UserError

_BATCH = 10_000  # images in a file
_TRAIN = tuple(f"cifar-10-batches-py/data_batch_{number}" for number in range(1, 6))
_TEST = "cifar-10-batches-py/test_batch"

FILES = Published(
    archive=RemoteFile(
        "cifar-10-python.tar.gz",
        "md5:c58f30108f718f92721af3b95e74349a",
        ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",),
    ),
    names=("cifar-10-python.tar.gz", "cifar-10-batches-py.tar.gz"),  # the second is the name of Keras' copy
    members={
        _TRAIN[0]: "md5:c99cafc152244af753f735de768cd75f",
        _TRAIN[1]: "md5:d4bba439e000b95fd0a9bffe97cbabec",
        _TRAIN[2]: "md5:54ebc095f3ab1f0389bbae665268c751",
        _TRAIN[3]: "md5:634d18415352ddfa80567beed471001a",
        _TRAIN[4]: "md5:482c414d41f54cd18b22e5b47cb7c3cb",
        _TEST: "md5:40351d587109b95175f43aff81a1287e",
    },
)


def real(root: Path | None, cache: Path) -> Arrays:
    """Return CIFAR-10 (https://www.cs.toronto.edu/~kriz/cifar.html): 50,000 + 10,000 images, 32 x 32 RGB bytes.

    Raises:
        UserError: a file is damaged.
        DownloadError: the files are neither in `root` nor in the cache, and cannot be downloaded.
    """
    images = np.empty((len(FILES.members) * _BATCH, 32, 32, 3), np.uint8)
    labels = np.empty(len(images), np.uint8)
    order = (*_TRAIN, _TEST)
    for member, where, content in FILES.contents(root, cache):
        start = order.index(member) * _BATCH
        batch = slice(start, start + _BATCH)
        images[batch], labels[batch] = read_batch(content, where, _BATCH)
    train = len(_TRAIN) * _BATCH
    parts = {
        "train_image": images[:train],
        "train_labels": labels[:train],
        "test_image": images[train:],
        "test_labels": labels[train:],
    }
    return Arrays("cifar10", ("image",), 10, parts)


def files(place: Path) -> list[Path]:
    """Return the files that `real` would read from `place`, as its root or its cache."""
    return FILES.files(place)


def read_batch(content: bytes, where: str, count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a batch's images (count, 32, 32, 3) and labels (count,), both bytes.

    A batch is a pickled dict. b"data": (count, 3072) bytes, one image per row, its red, green and blue planes in that
    order. b"labels": a list of 0..9.

    Args:
        content: the pickle.
        where: its name in error messages.
        count: the number of images that it must contain.

    Raises:
        UserError: the content is something else, or contains more than NumPy arrays and plain values.
    """
    try:
        batch = _Unpickler(content, where).load()
        images, labels = np.asarray(batch[b"data"]), np.asarray(batch[b"labels"])
    except UserError:
        raise
    except Exception as error:  # a damaged pickle may raise anything
        raise UserError(f"{where} is no batch of CIFAR-10: {type(error).__name__}: {error}") from error
    if images.dtype != np.uint8 or images.shape != (count, 3 * 32 * 32) or labels.shape != (count,):
        raise UserError(f"{where} is no batch of {count} CIFAR-10 images: it holds {images.shape} {images.dtype}")
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() > 9:
        raise UserError(f"{where} is no batch of CIFAR-10: its labels are not all 0..9")
    return images.reshape(count, 3, 32, 32).transpose(0, 2, 3, 1), labels.astype(np.uint8)


# Taken from an array, because NumPy 2 has moved it since NumPy 1 wrote the published files.
_RECONSTRUCT = np.empty(0).__reduce__()[0]
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _Unpickler(pickle.Unpickler):
    """Reads only NumPy arrays and plain values: the standard unpickler calls any function that a pickle names."""

    def __init__(self, content: bytes, where: str) -> None:
        super().__init__(io.BytesIO(content), encoding="bytes")  # Python 2 wrote them
        self._where = where

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise UserError(
                f"{self._where} is not read: it asks for {module}.{name}, but CIFAR-10 needs only NumPy arrays. "
                "Delete or replace it."
            ) from None


HOLDS = str(FILES)
embedded = colour_shapes.embedded
