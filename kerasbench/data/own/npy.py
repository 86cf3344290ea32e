"""Reads and writes NumPy's .npy format in blocks of rows, from and to any stream.

The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any, NamedTuple, Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from kerasbench.data.own.source import Array, Block, damage, rows_in_block
from kerasbench.terminal.errors import UserError


class _Header(NamedTuple):
    shape: tuple[int, ...]
    by_columns: bool
    dtype: np.dtype[Any]


def array(name: str, where: str, opened: Callable[[], AbstractContextManager[IO[bytes]]], size: int) -> Array:
    """Return the array in a stream.

    Args:
        name: the array's name.
        where: its location in error messages.
        opened: opens the stream at its start.
        size: the stream's length in bytes.

    Raises:
        UserError: it is damaged, holds Python objects, which only unpickling could read, or is no array of rows.
    """
    with damage(where), opened() as stream:
        header = _header(stream, where)
        start = stream.tell()
    shape, dtype = header.shape, header.dtype
    if not shape or not all(shape):
        raise UserError(f"{where} has the shape {shape}: it holds no {'values' if shape and shape[0] else 'rows'}")
    expected = int(np.prod([int(length) for length in shape], dtype=object)) * dtype.itemsize
    if start + expected != size or any(length < 0 for length in shape):
        raise UserError(f"{where} is damaged: it has {size - start} bytes of values instead of {expected}")

    def blocks() -> Iterator[Block]:
        with damage(where), opened() as stream:
            _header(stream, where)
            if header.by_columns and len(shape) > 1:  # a row is scattered over the whole stream
                whole = _read(stream, expected, where, dtype).reshape(shape[::-1]).T
                step = rows_in_block(expected // shape[0])
                for first in range(0, shape[0], step):
                    yield first, np.ascontiguousarray(whole[first : first + step])
            else:
                row = expected // shape[0]
                step = rows_in_block(row)
                for first in range(0, shape[0], step):
                    rows = min(step, shape[0] - first)
                    yield first, _read(stream, rows * row, where, dtype).reshape(rows, *shape[1:])
            stream.read(1)  # at its end, zipfile compares the checksum

    return Array(name, where, dtype, shape, blocks)


def of_file(path: Path, name: str, where: str) -> Array:
    """Return the array in a file."""
    return array(name, where, lambda: path.open("rb"), path.stat().st_size)


def _header(stream: IO[bytes], where: str) -> _Header:
    version = npy.read_magic(stream)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise UserError(
            f"{where} has version {version} of the .npy format, which holds named columns: save plain arrays"
        )
    header = _Header(*readers[version](stream))
    if header.dtype.hasobject:
        raise UserError(f"{where} holds Python objects, which are never unpickled: save it as numbers or text")
    if header.dtype.fields or header.dtype.subdtype:
        raise UserError(f"{where} holds records of type {header.dtype}: save one plain array for each input")
    if header.dtype.kind not in "biufSU":
        raise UserError(f"{where} is of type {header.dtype}, which no model takes: save it as numbers or text")
    if not header.dtype.itemsize:
        raise UserError(f"{where} holds only empty texts")
    return header


def _read(stream: IO[bytes], size: int, where: str, dtype: np.dtype[Any]) -> NDArray[Any]:
    content = stream.read(size)
    if len(content) < size:
        raise UserError(f"{where} is damaged: it ends early")
    return np.frombuffer(content, dtype)


class Writer:
    """Writes an array to a file, block by block, and computes the digest of its content.

    Attributes:
        digest: SHA-256 of the name, type, shape and values.
    """

    def __init__(self, path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self.digest = hashlib.sha256(f"{path.stem}|{dtype.str}|{shape}|".encode())
        self._dtype = dtype
        self._file = path.open("xb")
        header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(self._file, header)

    def write(self, rows: NDArray[Any]) -> None:
        """Append rows."""
        content = np.ascontiguousarray(rows, self._dtype).data.cast("B") if rows.size else b""
        self.digest.update(content)
        self._file.write(content)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._file.close()


def digest(path: Path) -> bytes:
    """Return the digest of an array's file, as its `Writer` computed it.

    Raises:
        UserError: the file is damaged.
    """
    found = of_file(path, path.stem, str(path))
    content = hashlib.sha256(f"{path.stem}|{found.dtype.str}|{found.shape}|".encode())
    for _, rows in found.blocks():
        content.update(np.ascontiguousarray(rows).data.cast("B"))
    return content.digest()
