"""Recognises what a model learns from a target: classes, yes or no, or values."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasbench.config.schema import DataTask
from kerasbench.data.own.inputs import check_finite
from kerasbench.data.own.source import Array
from kerasbench.terminal.errors import UserError

MOST_CLASSES = 100_000
_SAY = "data.task=classification or data.task=regression says which"


@dataclass(frozen=True)
class Target:
    """A target, recognised.

    Attributes:
        name: such as "y".
        task: what a model learns from it.
        classes: the number of classes; None for values.
        labels: the label of each class, sorted; None for one-hot rows and for values.
    """

    name: str
    task: DataTask
    classes: int | None = None
    labels: NDArray[Any] | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of encoded rows."""
        return np.dtype(np.float32 if self.classes is None else np.int32)

    def shape(self, row: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of an encoded row, given its shape as stored."""
        return row if self.classes is None else ()

    def encode(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return class numbers (rows), or float32 values of the same shape as the rows."""
        if self.classes is None:
            return rows.astype(np.float32)
        if self.labels is None:
            return np.asarray(rows.argmax(axis=1), np.int32)
        return np.asarray(np.searchsorted(self.labels, rows.reshape(len(rows))), np.int32)

    def described(self) -> dict[str, Any]:
        """Return the description for `PreparedData`."""
        return {"name": self.name, "task": self.task.value, "classes": self.classes}


@dataclass
class _Seen:
    """What the values of a target have in common.

    Attributes:
        rows: their number.
        distinct: the distinct values, sorted; None if they are more than `MOST_CLASSES`.
        one_hot: each row holds one 1, and 0 otherwise.
        yes_or_no: all values are 0 or 1.
        whole: all values are whole numbers.
    """

    rows: int = 0
    distinct: NDArray[Any] | None = None
    one_hot: bool = True
    yes_or_no: bool = True
    whole: bool = True

    def add(self, rows: NDArray[Any]) -> None:
        """Take note of a block of rows."""
        values = rows
        if not self.rows or self.distinct is not None:
            values = np.unique(rows)
            distinct = values if self.distinct is None else np.union1d(self.distinct, values)
            self.distinct = distinct if len(distinct) <= MOST_CLASSES else None
        self.rows += len(rows)
        numbers = rows.dtype.kind in "biuf"
        self.whole = self.whole and numbers and (rows.dtype.kind != "f" or bool((values == np.floor(values)).all()))
        self.yes_or_no = self.yes_or_no and numbers and bool(((values == 0) | (values == 1)).all())
        several = rows.ndim == 2 and rows.shape[1] > 1
        self.one_hot = self.one_hot and self.yes_or_no and several and bool((rows.sum(axis=1) == 1).all())


def recognised(name: str, arrays: Sequence[Array], held_out: NDArray[np.bool_] | None, task: DataTask) -> Target:
    """Return what a model learns from a target.

    Text is classes. Whole numbers are classes, numbered in sorted order; two are `binary`. One-hot rows are the number
    of the column that holds the 1. Rows of several 0 and 1 are several yes-or-no values. Floating-point numbers are
    values (regression), unless all of them are 0 or 1.

    Args:
        name: the target's name.
        arrays: its training part, and its test part if there is one.
        held_out: if there is none, whether each row belongs to the test part.
        task: what the user says.

    Raises:
        UserError: the values do not fit what the user says, are ambiguous, or are all the same; or one is NaN.
    """
    train, both = _Seen(), _Seen()
    for number, array in enumerate(arrays):
        for rows, in_training in _blocks(array, held_out):
            both.add(rows)
            if number == 0 and len(rows[in_training]):
                train.add(rows[in_training])
    first = arrays[0]
    target = _target(name, first, both, task)
    if train.distinct is not None and len(train.distinct) < 2 and not train.one_hot:
        raise UserError(f"{first.where} holds only {_shown(train.distinct[0])} in the training part: nothing to learn")
    if train.one_hot and not _several_columns(arrays[0], held_out):
        raise UserError(f"{first.where} holds only one class in the training part: nothing to learn")
    return target


def _blocks(array: Array, held_out: NDArray[np.bool_] | None) -> Iterator[tuple[NDArray[Any], NDArray[np.bool_]]]:
    """Yield rows, and which of them belong to the training part."""
    for first, rows in array.blocks():
        check_finite(rows, first, array.where)
        yield rows, np.ones(len(rows), np.bool_) if held_out is None else ~held_out[first : first + len(rows)]


def _several_columns(array: Array, held_out: NDArray[np.bool_] | None) -> bool:
    used = np.zeros(array.shape[1], np.bool_)
    for rows, in_training in _blocks(array, held_out):
        used |= rows[in_training].astype(np.bool_).any(axis=0)
    return int(used.sum()) > 1


def _target(name: str, array: Array, seen: _Seen, task: DataTask) -> Target:
    text, single = array.dtype.kind in "US", array.width == 1
    if text and not single:
        raise UserError(f"{array.where} holds {array.width} texts in each row; a target has one")
    if task is DataTask.auto:
        task = _guessed(array, seen, text, single)
    if task is DataTask.regression:
        if text:
            raise UserError(f"data.task=regression needs numbers, and {array.where} holds text")
        return Target(name, task)
    if seen.one_hot:
        return _of_classes(name, array, array.shape[1], None, task)
    if single and (text or seen.whole):
        if seen.distinct is None:
            raise UserError(f"{array.where} holds more than {MOST_CLASSES} distinct values, too many for classes")
        return _of_classes(name, array, len(seen.distinct), seen.distinct, task)
    if task is DataTask.binary and seen.yes_or_no:
        return Target(name, task)
    what = "fractions" if not seen.whole else f"{array.width} whole numbers in each row, not one-hot"
    raise UserError(f"data.task={task.value} needs classes, and {array.where} holds {what}")


def _guessed(array: Array, seen: _Seen, text: bool, single: bool) -> DataTask:
    """Return what a model learns, as far as the values show it."""
    if text or seen.one_hot:
        return DataTask.classification
    if seen.yes_or_no:
        return DataTask.classification if single else DataTask.binary
    if array.dtype.kind == "f":
        return DataTask.regression
    if not single:
        raise UserError(
            f"{array.where} holds {array.width} whole numbers in each row, not one-hot: "
            "data.task=regression takes them as values"
        )
    if seen.distinct is None or 2 * len(seen.distinct) > seen.rows:
        count = "many" if seen.distinct is None else len(seen.distinct)
        raise UserError(f"{array.where} holds {count} distinct whole numbers in {seen.rows} rows: {_SAY}")
    return DataTask.classification


def _of_classes(name: str, array: Array, classes: int, labels: NDArray[Any] | None, task: DataTask) -> Target:
    if task is DataTask.binary and classes != 2:
        raise UserError(f"data.task=binary needs two classes, and {array.where} holds {classes}")
    return Target(name, DataTask.binary if classes == 2 else DataTask.classification, classes, labels)


def _shown(value: Any) -> str:
    return str(value)[:40]
