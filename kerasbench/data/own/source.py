"""The arrays of a user's own data, read in blocks of rows, so that data larger than memory can be prepared."""

import contextlib
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kerasbench.terminal.errors import UserError

BLOCK = 1 << 22  # bytes that one block holds at most, unless a single row is larger

Block = tuple[int, NDArray[Any]]  # the number of its first row, counted from 0, and its rows

# What NumPy and zipfile raise for damaged bytes.
_DAMAGE = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, EOFError, MemoryError, RecursionError,
    NotImplementedError, RuntimeError, SyntaxError, struct.error, zlib.error, zipfile.BadZipFile,
)  # fmt: skip


@dataclass(frozen=True)
class Array:
    """An array whose rows are the examples.

    Attributes:
        name: such as "x_train".
        where: its location in error messages.
        dtype: its type, as stored.
        shape: its shape; the first axis counts the rows.
        blocks: returns the rows in order, in blocks.
    """

    name: str
    where: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    blocks: Callable[[], Iterator[Block]]

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def width(self) -> int:
        """The number of values in a row."""
        return int(np.prod(self.shape[1:]))


@dataclass(frozen=True)
class Source:
    """The arrays of a user's own data.

    Attributes:
        arrays: by name: `x`, `y` and `sample_weight`, with `_train` or `_test` where the source has a test part, and
            with a number from 0 where there are several inputs or targets.
        standardised: the columns of `x` that get zero mean and unit variance under `data.scale=auto`; a table's.
    """

    arrays: dict[str, Array]
    standardised: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))


class Reader(Protocol):
    """Reads one kind of data."""

    def files(self, known: list[str]) -> list[Path]:
        """Return the files and folders that the data depend on.

        Args:
            known: those of the last reading, for a reader that cannot tell before it reads.
        """

    def content(self, scratch: Path) -> str:
        """Return a digest that changes with the data."""

    def read(self, scratch: Path) -> Source:
        """Return the arrays; called after `content`. Both may keep files in the folder `scratch`.

        Raises:
            UserError: the data are damaged or cannot be used.
        """


@contextlib.contextmanager
def damage(where: str) -> Iterator[None]:
    """Report what reading damaged bytes raises as a UserError."""
    try:
        yield
    except (*_DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.filename is not None:  # a file that is missing or forbidden
            raise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{where} cannot be read: {reason}") from error


def rows_in_block(row_bytes: int) -> int:
    """Return the number of rows in a block."""
    return max(1, BLOCK // max(1, row_bytes))
