"""Reads a folder of images: one folder for each class, or train/ and test/ with a folder for each class."""

import contextlib
import functools
import hashlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from kerasbench.data.own.npz import file_digest
from kerasbench.data.own.source import Array, Block, Source, rows_in_block
from kerasbench.terminal.errors import UserError

_FORMATS = ("PNG", "JPEG")
_GREY, _SIXTEEN_BITS = ("1", "L"), ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")


class _Example(NamedTuple):
    path: Path
    label: str


class Images:
    """The images of a folder, in an order drawn by a seed; their labels are the names of their folders.

    Images become uint8 arrays (height, width, channels): one channel if all of them are grey, else red, green and blue;
    transparency is dropped.
    """

    def __init__(self, path: Path, size: list[int] | None, seed: int) -> None:
        self._path = path
        self._size = (size[1], size[0]) if size else None  # Pillow's order: width, height
        self._parts = {part: _examples(folder, seed) for part, folder in _parts(path).items()}
        if len(self._parts) == 2:
            _same_classes(path, self._parts)

    def files(self, known: list[str]) -> list[Path]:
        """Return the images."""
        return [example.path for examples in self._parts.values() for example in examples]

    def content(self, scratch: Path) -> str:
        """Return a digest of the images and their places in the folder."""
        whole = hashlib.sha256()
        for path in sorted(self.files([])):
            whole.update(f"{path.relative_to(self._path)}|{file_digest(path)}\n".encode())
        return whole.hexdigest()

    def read(self, scratch: Path) -> Source:
        """Return the images and their labels."""
        size, mode = self._form()
        arrays = {}
        for part, examples in self._parts.items():
            shape = (len(examples), size[1], size[0], 1 if mode == "L" else 3)
            blocks = functools.partial(self._blocks, examples, size, mode)
            arrays[f"x{part}"] = Array(f"x{part}", f"{self._path}", np.dtype(np.uint8), shape, blocks)
            labels = np.array([example.label for example in examples])
            whole = functools.partial(_whole, labels)
            arrays[f"y{part}"] = Array(f"y{part}", f"{self._path}", labels.dtype, labels.shape, whole)
        return Source(arrays)

    def _form(self) -> tuple[tuple[int, int], str]:
        """Return the size (width, height) and the mode of all images.

        Raises:
            UserError: a file is no image, or its size differs.
        """
        first: tuple[Path, tuple[int, int]] | None = None
        mode = "L"
        for path in sorted(self.files([])):
            with _opened(path) as image:
                if image.mode in _SIXTEEN_BITS:
                    raise UserError(f"{path} has more than 8 bits per channel: convert it to 8 bits")
                mode = mode if image.mode in _GREY else "RGB"
                first = first or (path, image.size)
                if self._size is None and image.size != first[1]:
                    raise UserError(
                        f"{path} has {image.size[1]} x {image.size[0]} pixels, and {first[0]} has "
                        f"{first[1][1]} x {first[1][0]}: data.options.size=[HEIGHT,WIDTH] resizes all images"
                    )
        assert first is not None
        return self._size or first[1], mode

    def _blocks(self, examples: list[_Example], size: tuple[int, int], mode: str) -> Iterator[Block]:
        step = rows_in_block(size[0] * size[1] * 3)
        for first in range(0, len(examples), step):
            pixels = [_pixels(example.path, size, mode) for example in examples[first : first + step]]
            yield first, np.stack(pixels).reshape(len(pixels), size[1], size[0], -1)


def _whole(labels: NDArray[Any]) -> Iterator[Block]:
    yield 0, labels


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open an image, and report what Pillow raises for other files and for damaged ones."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about damaged metadata and large images
            with Image.open(path, formats=_FORMATS) as image:
                yield image
    except UserError:
        raise
    except UnidentifiedImageError as error:
        raise UserError(f"{path} is neither a PNG nor a JPEG image") from error
    except Exception as error:  # Pillow's decoders raise many kinds
        raise UserError(f"{path} is a damaged image: {' '.join(str(error).split())[:200]}") from error


def _pixels(path: Path, size: tuple[int, int], mode: str) -> Any:
    with _opened(path) as image:
        converted = image.convert(mode)
        if converted.size != size:
            converted = converted.resize(size, Image.Resampling.BILINEAR)
        return np.asarray(converted)


def _parts(path: Path) -> dict[str, Path]:
    """Return the folder of each part by its suffix: `_train`, and `_test`; or one without a suffix."""
    if not (path / "train").is_dir():
        return {"": path}
    for other in _visible(path):
        if other.name not in ("train", "test"):
            raise UserError(f"{path} has a folder train, and nothing reads {other.name} beside it: move it elsewhere")
    if not (path / "test").is_dir():
        return {"": path / "train"}
    return {"_train": path / "train", "_test": path / "test"}


def _examples(folder: Path, seed: int) -> list[_Example]:
    """Return the images of a folder with a folder for each class, in random order."""
    examples = []
    for of_class in _visible(folder):
        if not of_class.is_dir():
            raise UserError(f"{of_class} is not in the folder of a class: move it elsewhere")
        images = _visible(of_class)
        if not images:
            raise UserError(f"the folder of class {of_class.name} is empty: {of_class}")
        for image in images:
            if not image.is_file():
                raise UserError(f"{image} in the folder of a class is not an image")
            examples.append(_Example(image, of_class.name))
    if not examples:
        raise UserError(f"{folder} holds no images: it needs a folder for each class")
    # The classes follow each other, and data.train_samples takes the first examples.
    return [examples[number] for number in np.random.RandomState(seed).permutation(len(examples))]


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _same_classes(path: Path, parts: dict[str, list[_Example]]) -> None:
    train, test = ({example.label for example in parts[part]} for part in ("_train", "_test"))
    unknown = sorted(test - train)
    if unknown:
        raise UserError(f"{path / 'test' / unknown[0]} is a class without training images in {path / 'train'}")
