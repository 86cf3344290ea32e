"""Reads a table of comma-separated values: one column is the label, all others are inputs.

Columns of numbers are kept, to be scaled later; a column of texts becomes one column of 0 and 1 for each distinct text
(one-hot). The table is read twice, row by row: to learn its columns, and to encode its rows.
"""

import csv
import itertools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kerasbench.config.schema import DataTask
from kerasbench.data.own import npy
from kerasbench.data.own.npz import file_digest
from kerasbench.data.own.source import Source, damage
from kerasbench.terminal.errors import UserError

MOST_TEXTS = 100  # distinct texts of an input column
MOST_CLASSES = 20  # distinct whole numbers of a label column that are taken for classes
_ROWS = 4096  # encoded at once
_SEPARATORS = ",;\t|"


class Table:
    """A table with a header, separated by the one of `, ; | tab` that its header has most of."""

    def __init__(self, path: Path, label: str | None, drop: list[str], task: DataTask) -> None:
        self._path, self._label, self._drop, self._task = path, label, drop, task

    def files(self, known: list[str]) -> list[Path]:
        """Return the file."""
        return [self._path]

    def content(self, scratch: Path) -> str:
        """Return a digest of the file."""
        return file_digest(self._path)

    def read(self, scratch: Path) -> Source:
        """Return the inputs `x` (rows, columns) and the label `y` (rows)."""
        columns = self._columns()
        rows = 0
        for line, cells in self._rows():
            rows += 1
            for column in columns:
                column.learn(cells[column.place], line)
        if not rows:
            raise UserError(f"{self._path} has no rows below its header")
        inputs = [column for column in columns if not column.is_label]
        label = next(column for column in columns if column.is_label)
        for column in columns:
            self._check(column)
        width = sum(column.width for column in inputs)
        kind = np.dtype(np.float64 if self._is_values(label, rows) else np.int64)
        with (
            npy.Writer(scratch / "x.npy", np.dtype(np.float64), (rows, width)) as x,
            npy.Writer(scratch / "y.npy", kind, (rows,)) as y,
        ):
            for x_rows, y_rows in self._encoded(inputs, label, width):
                x.write(x_rows)
                y.write(y_rows)
        standardised = [not column.is_text for column in inputs for _ in range(column.width)]
        where = {"x": str(self._path), "y": f"{self._path}, column {label.name}"}
        arrays = {name: npy.of_file(scratch / f"{name}.npy", name, where[name]) for name in where}
        return Source(arrays, np.array(standardised))

    def _encoded(
        self, inputs: list["_Column"], label: "_Column", width: int
    ) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Yield the inputs and the labels of some rows, encoded."""
        rows = self._rows()
        while block := list(itertools.islice(rows, _ROWS)):
            x, y = np.zeros((len(block), width)), np.zeros(len(block))
            for number, (line, cells) in enumerate(block):
                start = 0
                for column in inputs:
                    cell = cells[column.place]
                    if column.is_text:
                        x[number, start + column.numbers[cell]] = 1
                    else:
                        x[number, start] = self._number(column, cell, line)
                    start += column.width
                cell = cells[label.place]
                y[number] = label.numbers[cell] if label.is_text else self._number(label, cell, line)
            yield x, y

    def _columns(self) -> list["_Column"]:
        """Return the columns that are read.

        Raises:
            UserError: there is no header, or a column that the user named is not in it.
        """
        names = self._header()
        for number, name in enumerate(names, start=1):
            if not name:
                raise UserError(
                    f"{self._path} has no name for column {number} in its first line "
                    "(pandas writes its index so: to_csv(index=False))"
                )
            if _is_number(name):
                raise UserError(f"{self._path} has the number {name} in its first line, which must name the columns")
            if names.count(name) > 1:
                raise UserError(f"{self._path} has two columns called {name}")
        label = names[-1] if self._label is None else self._label
        for key, asked in (("data.label", [label]), ("data.options.drop", self._drop)):
            for name in asked:
                if name not in names:
                    raise UserError(f"{key}={name}: {self._path} has no such column; there are: {_listed(names)}")
        if label in self._drop:
            raise UserError(f"data.options.drop={label} is the label: name another with data.label=COLUMN")
        columns = [_Column(name, place, name == label) for place, name in enumerate(names) if name not in self._drop]
        if len(columns) < 2:
            raise UserError(f"{self._path} has no column besides the label {label}")
        return columns

    def _header(self) -> list[str]:
        with damage(str(self._path)), self._path.open(encoding="utf-8-sig", newline="") as file:
            line = file.readline()
            self._separator = max(_SEPARATORS, key=line.count)
            if not line.strip():
                raise UserError(f"{self._path} has no first line that names the columns")
        return [name.strip() for name in next(self._lines())[1]]

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        """Yield every line that is not empty, with the number of the line that it ends on."""
        line = 0
        try:
            with self._path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(file, delimiter=self._separator, strict=True)
                for cells in reader:
                    line = reader.line_num
                    if cells:
                        yield line, cells
        except (csv.Error, UnicodeDecodeError) as error:
            raise UserError(f"{self._path}, after line {line}, is not a table in UTF-8: {error}") from error

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        lines = self._lines()
        _, header = next(lines)
        for line, cells in lines:
            if len(cells) != len(header):
                raise UserError(f"{self._path}, line {line}, has {len(cells)} values for {len(header)} columns")
            yield line, [cell.strip() for cell in cells]

    def _number(self, column: "_Column", cell: str, line: int) -> float:
        number = float(cell) if cell else math.nan
        if not math.isfinite(number):
            what = f"is {cell}" if cell else "is empty"
            raise UserError(
                f"{self._path}, line {line}, column {column.name} {what}: fill it in, or leave the line out"
            )
        return number

    def _check(self, column: "_Column") -> None:
        """Raise UserError for a column that cannot be encoded."""
        where = f"{self._path}, column {column.name}"
        other = f"line {column.first_text[0]}: {column.first_text[1][:40]!r}"
        if column.texts and column.numeric > column.texts:
            raise UserError(f"{where}, holds numbers, and in {other}: correct it, or leave the line out")
        if column.is_label and column.first_empty:
            raise UserError(f"{where}, the label, is empty in line {column.first_empty}")
        if column.is_text and column.too_many:
            hint = "is the label" if column.is_label else f"data.options.drop=[{column.name}] leaves it out"
            raise UserError(f"{where}, holds more than {column.most} distinct texts ({other}): {hint}")

    def _is_values(self, label: "_Column", rows: int) -> bool:
        """Return whether the label is a value rather than a class."""
        if label.is_text:
            if self._task is DataTask.regression:
                line, text = label.first_text
                where = f"{self._path}, line {line}, column {label.name}"
                raise UserError(f"data.task=regression needs numbers, and {where} is {text[:40]!r}")
            return False
        few = not label.too_many and len(label.numbers) <= MOST_CLASSES and 2 * len(label.numbers) <= rows
        return not label.is_whole or not (few or self._task in (DataTask.classification, DataTask.binary))


class _Column:
    """What is known about a column.

    Attributes:
        texts, numeric: how many cells are texts, and how many are numbers.
        is_whole: all numbers are whole.
        most: the number of distinct texts that can be encoded; a label may have many, as in a data set of faces.
        too_many: there are more.
        first_text: the line and the content of the first cell that is neither empty nor a number.
        first_empty: the line of the first empty cell; 0 if there is none.
    """

    def __init__(self, name: str, place: int, is_label: bool) -> None:
        self.name, self.place, self.is_label = name, place, is_label
        self.most = 100 * MOST_TEXTS if is_label else MOST_TEXTS
        self.texts, self.numeric, self.is_whole, self.too_many = 0, 0, True, False
        self.first_text, self.first_empty = (0, ""), 0
        self._distinct: set[str] = set()
        self._sorted: dict[str, int] | None = None

    def learn(self, cell: str, line: int) -> None:
        """Take note of a cell."""
        if not self.too_many:
            self._distinct.add(cell)
            self.too_many = len(self._distinct) > self.most
        if not cell:
            self.first_empty = self.first_empty or line
        elif _is_number(cell):
            self.numeric += 1
            self.is_whole = self.is_whole and float(cell).is_integer() and abs(float(cell)) < 2**53
        else:
            self.texts += 1
            self.first_text = self.first_text if self.first_text[0] else (line, cell)

    @property
    def is_text(self) -> bool:
        """Whether the column is encoded as texts."""
        return self.texts > 0

    @property
    def numbers(self) -> dict[str, int]:
        """The number of each distinct cell, in sorted order."""
        if self._sorted is None:
            self._sorted = {cell: number for number, cell in enumerate(sorted(self._distinct))}
        return self._sorted

    @property
    def width(self) -> int:
        """The number of columns of the encoded array."""
        return len(self.numbers) if self.is_text else 1


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # Python reads 2020_01 as a number


def _listed(names: list[str]) -> str:
    return ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
