"""Encodes a model's inputs: images and numbers as float32, token ids as int32."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasbench.data.own.source import Array
from kerasbench.terminal.errors import UserError

_INT32 = np.iinfo(np.int32)


@dataclass(frozen=True)
class Encoding:
    """How the rows of an input are encoded: as integers, or as (row - offset) / divisor.

    Attributes:
        dtype: int32 or float32.
        offset, divisor: a number, or one for each column.
    """

    dtype: np.dtype[Any]
    offset: float | NDArray[np.float64] = 0.0
    divisor: float | NDArray[np.float64] = 1.0

    def __call__(self, rows: NDArray[Any], first: int, where: str) -> NDArray[Any]:
        """Return the rows, encoded.

        Args:
            rows: as stored.
            first: the number of the first row, from 0.
            where: their location in error messages.

        Raises:
            UserError: a value is NaN, infinite or too large.
        """
        if self.dtype.kind == "i":
            _check(where, first, (rows >= _INT32.min) & (rows <= _INT32.max), "is outside the range of 32-bit integers")
            return rows.astype(np.int32)
        check_finite(rows, first, where)
        # Bytes are divided in single precision, as the built-in images are; other numbers in double precision.
        exact = isinstance(self.divisor, float) and (self.divisor == 1 or rows.dtype.itemsize == 1)
        with np.errstate(over="ignore"):
            encoded: NDArray[Any] = rows.astype(np.float32 if exact else np.float64)
            np.subtract(encoded, self.offset, out=encoded)
            np.divide(encoded, self.divisor, out=encoded)
            encoded = encoded.astype(np.float32, copy=False)
        _check(where, first, np.isfinite(encoded), "is too large for 32-bit floating point")
        return encoded


def check_finite(rows: NDArray[Any], first: int, where: str) -> None:
    """Raise UserError with the row of a value that is NaN or infinite."""
    if rows.dtype.kind == "f":
        _check(where, first, ~np.isnan(rows), "is NaN")
        _check(where, first, np.isfinite(rows), "is infinite")


def _check(where: str, first: int, good: NDArray[np.bool_], what: str) -> None:
    if not good.all():
        row, *place = (int(index[0]) for index in np.nonzero(~good))
        inside = f", at {place if len(place) > 1 else place[0]}" if place else ""
        raise UserError(f"{where}, row {first + row}{inside}: a value {what}")


def encoding(array: Array, scale: str) -> Encoding:
    """Return how an input is encoded.

    Integers are token ids and stay integers, except bytes of three or more dimensions, which are images, and whatever a
    number for `scale` is meant for.

    Args:
        array: the input.
        scale: "auto" divides images by 255, "none" divides nothing; a number divides all but token ids.

    Raises:
        UserError: it is text.
    """
    if array.dtype.kind not in "biuf":
        raise UserError(f"{array.where} holds text, and a model needs numbers: encode it, as token ids for example")
    whole, byte = array.dtype.kind in "iu", array.dtype == np.uint8
    image = byte and len(array.shape) >= 3
    if scale in ("auto", "none"):
        if image and scale == "auto":
            return Encoding(np.dtype(np.float32), divisor=255.0)
        return Encoding(np.dtype(np.int32 if whole and not image else np.float32))
    if whole and not byte and len(array.shape) < 3:
        return Encoding(np.dtype(np.int32))
    return Encoding(np.dtype(np.float32), divisor=float(scale))


def standardising(array: Array, columns: NDArray[np.bool_], kept: NDArray[np.bool_]) -> Encoding:
    """Return the encoding that gives some columns zero mean and unit variance over some rows.

    A column that is constant over these rows becomes 0 in them. Means and variances of blocks are combined as in Chan,
    Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979).

    Args:
        array: (rows, columns).
        columns: whether each column is standardised.
        kept: whether each row counts.
    """
    count, mean, squares = 0, np.zeros(len(columns)), np.zeros(len(columns))
    for first, rows in array.blocks():
        block = rows[kept[first : first + len(rows)]]
        if len(block):
            total = count + len(block)
            difference = block.mean(axis=0) - mean
            squares += ((block - block.mean(axis=0)) ** 2).sum(axis=0) + difference**2 * count * len(block) / total
            mean += difference * len(block) / total
            count = total
    deviation = np.sqrt(squares / count)
    constant = deviation <= 1e-12 * np.abs(mean)  # rounding errors of equal numbers
    divisor = np.where(columns & ~constant, deviation, 1.0)
    return Encoding(np.dtype(np.float32), np.where(columns, mean, 0.0), divisor)


def divided(array: Array, columns: NDArray[np.bool_], scale: str) -> Encoding:
    """Return the encoding of a table whose columns of numbers are divided by a number."""
    return Encoding(np.dtype(np.float32), 0.0, np.where(columns, 1.0 if scale == "none" else float(scale), 1.0))
