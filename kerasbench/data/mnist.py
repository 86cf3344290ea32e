"""MNIST: LeCun, Cortes and Burges' handwritten digits, read from their four idx files."""

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kerasbench.data.arrays import Arrays
from kerasbench.data.download import RemoteFile, fetch, verified
from kerasbench.data.stand_ins import digits

_MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")


def _file(name: str, md5: str) -> RemoteFile:
    return RemoteFile(name, f"md5:{md5}", tuple(mirror + name for mirror in _MIRRORS))


FILES = {
    "train_image": _file("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
    "train_labels": _file("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
    "test_image": _file("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
    "test_labels": _file("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
}


def real(root: Path | None, cache: Path) -> Arrays:
    """Return MNIST from `root`, its folder mnist/ or the cache; download it into the cache if necessary.

    Raises:
        UserError: a file is damaged, or missing although others exist.
        DownloadError: there is no local copy, and the download fails.
    """
    folder = _folder(root) if root else None
    paths = {
        part: verified(folder / file.name, file.digest) if folder else fetch(file, cache / "mnist")
        for part, file in FILES.items()
    }
    parts = {part: read_idx(path) for part, path in paths.items()}
    for part in ("train_image", "test_image"):
        parts[part] = parts[part][..., np.newaxis]  # one channel
    return Arrays("mnist", ("image",), 10, parts)


def files(place: Path) -> list[Path]:
    """Return the files that `real` would read from `place`, as its root or its cache."""
    folder = _folder(place)
    return [folder / file.name for file in FILES.values() if (folder / file.name).is_file()] if folder else []


def _folder(place: Path) -> Path | None:
    """Return the folder that contains any of the files: mnist/ in `place`, or `place` itself."""
    folders = (place / "mnist", place)
    return next((one for one in folders if any((one / file.name).is_file() for file in FILES.values())), None)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the bytes of a gzipped idx file, in the shape given by its header.

    The header is two zero bytes, the type (8: unsigned byte), the number of dimensions, and each as a big-endian
    32-bit integer (http://yann.lecun.com/exdb/mnist/).

    Raises:
        ValueError: the file has another format.
    """
    content = gzip.decompress(path.read_bytes())
    zeros, kind, dimensions = struct.unpack_from(">HBB", content)
    if zeros or kind != 8:
        raise ValueError(f"{path} is no idx file of bytes")
    shape = struct.unpack_from(f">{dimensions}I", content, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


HOLDS = f"mnist/ or {FILES['train_image'].name} and the three others"
embedded = digits.embedded
