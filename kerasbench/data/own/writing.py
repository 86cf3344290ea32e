"""Encodes a user's arrays and writes them as a folder of .npy files, which workers map into memory."""

import contextlib
import hashlib
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from kerasbench.config import own_data
from kerasbench.config.schema import DataConfig
from kerasbench.data.own import inputs, layout, npy, targets
from kerasbench.data.own.layout import Part
from kerasbench.data.own.source import Array, Source
from kerasbench.terminal.errors import UserError


class _Encode(Protocol):
    def __call__(self, rows: NDArray[Any], first: int, where: str) -> NDArray[Any]: ...


class _Form(NamedTuple):
    """How the rows of an array are written."""

    encode: _Encode
    dtype: np.dtype[Any]
    row: tuple[int, ...]


def write(source: Source, config: DataConfig, folder: Path) -> dict[str, Any]:
    """Write the arrays, and return their description: the fields of `PreparedData` that they determine.

    Args:
        source: the arrays as read.
        config: how to scale and divide them, and what they are.
        folder: an existing, empty folder.

    Raises:
        UserError: they cannot be trained on.
    """
    where = str(config.path)
    train, test = layout.parts(source.arrays, where)
    if test is not None:
        _check_divided(config, where)
    held_out = None if test else _drawn(len(train), config, where)
    both = [train] if test is None else [train, test]
    found = [
        targets.recognised(name, [part.targets[name] for part in both], held_out, config.task) for name in train.targets
    ]
    forms: dict[str, _Form] = {}
    for name, array in train.inputs.items():
        encode = _encoding(array, source, config, held_out)
        forms[name] = _Form(encode, encode.dtype, array.shape[1:] or (1,))
    _check_use(config, train, forms, source)
    for target in found:
        row = target.shape(train.targets[target.name].shape[1:])
        forms[target.name] = _Form(_of_target(target), target.dtype, row)
    weighted = any(part.weights for part in both)
    digests = []
    for number, part in enumerate(both):
        kept, other = ("train" if number == 0 else "test"), (None if held_out is None else "test")
        arrays = part.inputs | part.targets
        if weighted:
            arrays["weights"] = part.weights or _ones(len(part), where)
            forms["weights"] = _Form(_weights, np.dtype(np.float32), ())
        for name, array in arrays.items():
            digests += _write(array, forms[name], folder, name, kept, other, held_out)
    tested = len(test) if test else 0 if held_out is None else int(held_out.sum())
    return {
        "digest": hashlib.sha256(b"".join(digest for _, digest in sorted(digests))).hexdigest(),
        "inputs": list(train.inputs),
        "targets": [target.described() for target in found],
        "classes": found[0].classes,
        "weights": weighted,
        "train_examples": len(train) - (0 if test else tested),
        "test_examples": tested,
    }


def _drawn(rows: int, config: DataConfig, where: str) -> NDArray[np.bool_]:
    """Return for each row whether it belongs to the test part, drawn by the seed."""
    if rows < 2:
        raise UserError(f"{where} holds {rows} example: training and a test need at least two")
    count = min(max(1, round(rows * config.test_fraction)), rows - 1)
    held_out = np.zeros(rows, np.bool_)
    held_out[np.random.RandomState(config.split_seed).permutation(rows)[:count]] = True
    return held_out


def _check_divided(config: DataConfig, where: str) -> None:
    """Check that the user says nothing about a division that the data have already."""
    drawn = ["test_fraction"] if Path(where).is_dir() else ["test_fraction", "split_seed"]  # it also orders images
    for name in drawn:
        if name in own_data.said(config):
            raise UserError(f"data.{name}={getattr(config, name)}: {where} has a test part already; leave it out")


def _encoding(array: Array, source: Source, config: DataConfig, held_out: NDArray[np.bool_] | None) -> inputs.Encoding:
    columns = source.standardised
    if not len(columns):
        return inputs.encoding(array, config.scale)
    if config.scale == "auto" and held_out is not None:
        return inputs.standardising(array, columns, ~held_out)
    return inputs.divided(array, columns, config.scale)


def _check_use(config: DataConfig, train: Part, forms: dict[str, _Form], source: Source) -> None:
    """Check that something reads what the user said."""
    if config.scale not in ("auto", "none"):
        array = next(iter(train.inputs.values()))
        if len(source.standardised) and not source.standardised.any():
            raise UserError(f"data.scale={config.scale}: {array.where} has no column of numbers to divide")
        if all(form.dtype.kind == "i" for form in forms.values()):
            raise UserError(f"data.scale={config.scale}: {array.where} holds token ids ({array.dtype}), never scaled")
    if config.images:
        for array in train.inputs.values():
            if len(array.shape) != 4:
                raise UserError(
                    f"data.images=true: {array.where} has shape {array.shape}, not (images, height, width, channels)"
                )


def _of_target(target: targets.Target) -> _Encode:
    def encode(rows: NDArray[Any], first: int, where: str) -> NDArray[Any]:
        encoded = target.encode(rows)
        inputs.check_finite(encoded, first, where)  # a large float64 is infinite as float32
        return encoded

    return encode


def _weights(rows: NDArray[Any], first: int, where: str) -> NDArray[Any]:
    weights = inputs.Encoding(np.dtype(np.float32))(rows.reshape(len(rows)), first, where)
    if (weights < 0).any():
        raise UserError(f"{where}, row {first + int(np.argmax(weights < 0))}: a weight is negative")
    return weights


def _ones(rows: int, where: str) -> Array:
    ones = np.ones(rows, np.float32)
    return Array("weights", where, ones.dtype, ones.shape, lambda: iter([(0, ones)]))


def _write(
    array: Array, form: _Form, folder: Path, name: str, kept: str, other: str | None, held_out: NDArray[np.bool_] | None
) -> list[tuple[str, bytes]]:
    """Write an array, or its training and its test part; return the digest of each file by name."""
    tested = 0 if held_out is None else int(held_out.sum())
    writers = {kept: npy.Writer(folder / f"{kept}_{name}.npy", form.dtype, (len(array) - tested, *form.row))}
    if other is not None:
        writers[other] = npy.Writer(folder / f"{other}_{name}.npy", form.dtype, (tested, *form.row))
    with contextlib.ExitStack() as stack:
        for writer in writers.values():
            stack.enter_context(writer)
        for first, rows in array.blocks():
            encoded = form.encode(rows, first, array.where).reshape(len(rows), *form.row)
            if held_out is None or other is None:
                writers[kept].write(encoded)
            else:
                is_test = held_out[first : first + len(rows)]
                writers[kept].write(encoded[~is_test])
                writers[other].write(encoded[is_test])
    return [(f"{part}_{name}", writer.digest.digest()) for part, writer in writers.items()]
