"""Finds a data set (folder, cache, network, stand-in), and keeps it prepared in one file that all backends read."""

import contextlib
import functools
import hashlib
import importlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from filelock import FileLock

from kerasbench.config.schema import DataConfig, DataSource
from kerasbench.data.arrays import Arrays
from kerasbench.data.download import DownloadError
from kerasbench.terminal.errors import UserError


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
    options = json.dumps(config.options, sort_keys=True)
    return _prepare(config.name, config.loader or config.name, options, config.source, config.root, Path(config.cache))


@functools.lru_cache
def _prepare(name: str, module: str, options: str, source: DataSource, root: str | None, cache: Path) -> PreparedData:
    loader = importlib.import_module(f"kerasbench.data.{module}")
    chosen: dict[str, Any] = json.loads(options)
    embedded = functools.partial(loader.embedded, **chosen)
    real = functools.partial(loader.real, Path(root) if root else None, cache, **chosen)
    # With the options, lest one changed on the command line finds what was prepared with another.
    kept = "-".join([name, *map(str, chosen.values())])
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
    description = cache / f"{name}-{source}-{_code()}.json"
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
    with _whole(path) as file:
        np.savez(file, allow_pickle=False, **arrays.parts)
    with _whole(description) as file:
        file.write(json.dumps(fields).encode())
    return PreparedData(path=str(path), **fields)


@functools.cache
def _code() -> str:
    """Return a digest of the loaders: what another version of one has prepared is not this one's."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file that takes its place when all is written; else nothing of it is left."""
    # Not by tempfile, which makes what only its user can read: the umask decides who shares prepared data.
    part = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        with part.open("xb") as file:
            yield file
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
