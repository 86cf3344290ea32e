"""Finds a data set (folder, cache, network, stand-in), and keeps it prepared in one file that all backends read."""

import functools
import importlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from kerasbench.data.arrays import Arrays
from kerasbench.data.download import DownloadError
from kerasbench.errors import UserError
from kerasbench.schema import DataConfig, DataSource

_FORMAT = 1  # of the prepared file; raised when what a loader returns changes


@dataclass(frozen=True)
class PreparedData:
    """A data set on disk, ready for every backend.

    Attributes:
        path: the .npz file.
        name: the data set's name, or the stand-in's.
        source: "real" or "embedded".
        digest: SHA-256 of the arrays.
        inputs: the names of the model's inputs, in order.
        classes: the number of classes.
        train_examples, test_examples: how many there are in all.
        note: why it is a stand-in, where it is one.
    """

    path: str
    name: str
    source: str
    digest: str
    inputs: tuple[str, ...]
    classes: int
    train_examples: int
    test_examples: int
    note: str = ""


def prepare(config: DataConfig) -> PreparedData:
    """Return the data set that the configuration asks for, prepared; a later call in this process costs nothing.

    Real data are looked for in `data.root`, then in the cache, then on the network.

    Raises:
        UserError: the files are damaged, or `data.source=real` and they cannot be had.
    """
    options = tuple(sorted(config.options.items()))
    return _prepare(config.name, config.loader or config.name, options, config.source, config.root, Path(config.cache))


@functools.lru_cache
def _prepare(
    name: str, module: str, options: tuple[tuple[str, Any], ...], source: DataSource, root: str | None, cache: Path
) -> PreparedData:
    loader = importlib.import_module(f"kerasbench.data.{module}")
    embedded = functools.partial(loader.embedded, **dict(options))
    real = functools.partial(loader.real, Path(root) if root else None, cache, **dict(options))
    # With the options, lest one changed on the command line finds what was prepared with another.
    kept = "-".join([name, *(str(value) for _, value in options)])
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f".{kept}.lock"):
        if source is DataSource.embedded:
            return _kept(kept, "embedded", cache, embedded)
        try:
            return _kept(kept, "real", cache, real)
        except DownloadError as error:
            if source is DataSource.real:
                raise UserError(
                    f"data.source=real, and {name} is neither in data.root={root} nor in {cache}, and {error}. "
                    "Name the folder that holds it (data.root=FOLDER or KERASBENCH_DATA)."
                ) from error
            stand_in = _kept(kept, "embedded", cache, embedded)
            return PreparedData(**{**asdict(stand_in), "note": f"real {name} was not found: {error}"})


def _kept(name: str, source: str, cache: Path, load: Callable[[], Arrays]) -> PreparedData:
    """Return the prepared file of this data set and source; load the arrays and write it if it is not there."""
    description = cache / f"{name}-{source}-{_FORMAT}.json"
    path = description.with_suffix(".npz")
    if description.exists() and path.exists():
        fields = json.loads(description.read_text())
        return PreparedData(path=str(path), **{**fields, "inputs": tuple(fields["inputs"])})
    arrays = load()
    fields = {
        "name": arrays.name,
        "source": source,
        "digest": arrays.digest(),
        "inputs": arrays.inputs,
        "classes": arrays.classes,
        "train_examples": len(arrays.parts["train_labels"]),
        "test_examples": len(arrays.parts["test_labels"]),
    }
    descriptor, temporary = tempfile.mkstemp(dir=cache, suffix=".npz")
    with os.fdopen(descriptor, "wb") as file:
        np.savez(file, allow_pickle=False, **arrays.parts)
    os.replace(temporary, path)
    description.write_text(json.dumps(fields))
    return PreparedData(path=str(path), **fields)
