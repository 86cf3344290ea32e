"""Finds a data set (folder, cache, network, stand-in, a user's own), and prepares it for all backends."""

import dataclasses
import functools
import importlib
import json
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from kerasbench import lease
from kerasbench.config.schema import DataConfig, DataSource, DataTask
from kerasbench.data import own
from kerasbench.data.arrays import Arrays, PreparedData
from kerasbench.data.download import DownloadError
from kerasbench.data.files import code, described, state, whole
from kerasbench.terminal.errors import UserError

_LOADERS = Path(__file__).parent
_FIELDS = {
    "name": str, "source": str, "digest": str, "inputs": list, "classes": int, "train_examples": int,
    "test_examples": int, "sources": dict, "prepared": list,
}  # fmt: skip


def prepare(config: DataConfig) -> PreparedData:
    """Return the configured data set, prepared; the result is cached in this process.

    Real data are searched for in `data.root`, then in the cache, then on the network. A user's own data are read from
    `data.path`.

    Raises:
        UserError: the user's own data cannot be trained on; the files are damaged; `data.source=real` and they are not
            in `data.root` or cannot be downloaded; or the cache is not writable.
    """
    try:
        data = own.prepare(config) if config.path else _built_in(config)
    except OSError as error:
        raise UserError(f"{config.name} cannot be prepared in data.cache={config.cache}: {error}") from error
    notes = [data.note]
    for part, asked, there in (
        ("train", config.train_samples, data.train_examples),
        ("test", config.test_samples, data.test_examples),
    ):
        if asked is not None and asked > there:
            notes.append(f"{data.name} has only {there} examples for data.{part}_samples={asked}; all of them are used")
    return replace(data, note="; ".join(filter(None, notes)))


def _built_in(config: DataConfig) -> PreparedData:
    options = json.dumps(config.options, sort_keys=True)
    named = (config.name, config.loader or config.name, options, config.source, config.root, Path(config.cache))
    data = _prepare(*named)
    if _unchanged(Path(data.path)):
        return data
    _prepare.cache_clear()  # altered or deleted since an earlier job of this command
    return _prepare(*named)


@functools.lru_cache
def _prepare(name: str, module: str, options: str, source: DataSource, root: str | None, cache: Path) -> PreparedData:
    loader = importlib.import_module(f"kerasbench.data.{module}")
    chosen: dict[str, Any] = json.loads(options)
    # The name contains the options: other options are another file.
    kept = "-".join([name, *map(str, chosen.values())])
    cache.mkdir(parents=True, exist_ok=True)
    with lease.held(cache, kept):

        def stand_in() -> PreparedData:
            return _kept(kept, "embedded", cache, list, functools.partial(loader.embedded, **chosen))

        if source is DataSource.embedded:
            return stand_in()
        folder = Path(root) if root else None
        note = ""
        if folder and not loader.files(folder, **chosen):
            note = f"data.root={root} does not hold {name} ({loader.HOLDS})"
            if source is DataSource.real:
                raise UserError(f"data.source=real, and {note}. Name the folder that holds it, or leave data.root out.")
            folder = None
        files = functools.partial(loader.files, folder or cache, **chosen)
        try:
            data = _kept(kept, "real", cache, files, functools.partial(loader.real, folder, cache, **chosen))
            return replace(data, note=note and f"{note}; it comes from {cache}")
        except DownloadError as error:
            if source is DataSource.real:
                raise UserError(
                    f"data.source=real, and {name} is neither in {cache} nor downloadable: {error}. "
                    "Name the folder that holds it (data.root=FOLDER or KERASBENCH_DATA)."
                ) from error
            data = stand_in()
            missing = f"real {name} was not found: {note and f'{note}, and '}{error}"
            return replace(data, note=f"{missing}; training on the stand-in {data.name} instead")


def _kept(
    name: str, source: str, cache: Path, files: Callable[[], list[Path]], load: Callable[[], Arrays]
) -> PreparedData:
    """Return the prepared file of this data set and source; make it if it is missing or out of date.

    Its description records the size and time of the prepared file and of each verified source file. If any of them
    differs, the content is read and verified again; the prepared file is rewritten only if its content differs.

    Args:
        name: the data set's name with its options.
        source: "real" or "embedded".
        cache: the folder of the prepared file.
        files: returns the local files that `load` would read; none before a download.
        load: returns the verified arrays.
    """
    description = cache / f"{name}-{source}-{code(_LOADERS)}.json"
    path = description.with_suffix(".npz")
    known = described(description, _FIELDS)
    intact = known is not None and _intact(path, known)
    states = {str(file): state(file) for file in files()}
    if known is None or not intact or not states.items() <= known["sources"].items():
        arrays = load()
        read = {str(file): state(file) for file in files()}  # includes downloaded files
        verified = {file: state for file, state in read.items() if states.get(file, state) == state}
        digest = arrays.digest()
        if known is None or not intact or known["digest"] != digest:
            with whole(path) as file:
                np.savez(file, allow_pickle=False, **arrays.parts)
            known = None
        known = {
            "name": arrays.name,
            "source": source,
            "digest": digest,
            "inputs": arrays.inputs,
            "classes": arrays.classes,
            "train_examples": len(arrays.parts["train_labels"]),
            "test_examples": len(arrays.parts["test_labels"]),
            "sources": {**(known["sources"] if known else {}), **verified},
        }
    if known.get("prepared") != state(path):
        known["prepared"] = state(path)
        with whole(description) as file:
            file.write(json.dumps(known).encode())
    fields = {one.name: known[one.name] for one in dataclasses.fields(PreparedData) if one.name in known}
    targets = [{"name": "labels", "task": DataTask.classification.value, "classes": known["classes"]}]
    return PreparedData(path=str(path), targets=targets, **{**fields, "inputs": tuple(known["inputs"])})


def _intact(path: Path, known: dict[str, Any]) -> bool:
    """Return whether a prepared file is unchanged: by its size and time, or else by its content."""
    if not path.is_file():
        return False
    if known["prepared"] == state(path):
        return True
    try:
        with path.open("rb") as file, np.load(file) as parts:
            found = Arrays(known["name"], tuple(known["inputs"]), known["classes"], dict(parts))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error):
        return False
    return found.digest() == str(known["digest"])


def _unchanged(path: Path) -> bool:
    """Return whether a prepared file has the size and time that its description records."""
    known = described(path.with_suffix(".json"), _FIELDS)
    return known is not None and path.is_file() and known["prepared"] == state(path)
