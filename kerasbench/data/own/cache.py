"""Prepares a user's own data once for each content and each way to prepare it, and notices changes.

In the cache's folder own/, an index for each source records the state of its files and the folder prepared from them.
The folder's name contains a digest of the source's content and of the options; its description contains the state of
its files.
"""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kerasbench import lease
from kerasbench.config.own_data import Kind, kind
from kerasbench.config.schema import DataConfig
from kerasbench.data.arrays import PreparedData
from kerasbench.data.files import code, described, state, whole
from kerasbench.data.own import npy
from kerasbench.data.own.source import Reader
from kerasbench.data.own.writing import write
from kerasbench.terminal import progress
from kerasbench.terminal.errors import UserError

_READ = ("path", "function", "label", "scale", "task", "test_fraction", "split_seed", "options", "images")
_DESCRIPTION = "description.json"
_READERS = Path(__file__).parent
_prepared: dict[tuple[str, str, str], PreparedData] = {}  # in this process


def prepare(config: DataConfig) -> PreparedData:
    """Return a user's own data, prepared; the result is cached in this process, so a sweep's jobs see the same data.

    Raises:
        UserError: the data cannot be read or trained on.
    """
    plain = asdict(config) | {"task": config.task.value}
    options = json.dumps({name: plain[name] for name in _READ}, sort_keys=True, default=str)
    key = (options, config.name, config.cache)
    if key not in _prepared:
        try:
            _prepared[key] = _prepare(config, options)
        except OSError as error:
            if not str(error.filename).startswith(str(config.path)):
                raise
            raise UserError(f"{error.filename} cannot be read: {error.strerror}") from error
    return _prepared[key]


def _prepare(config: DataConfig, options: str) -> PreparedData:
    cache = Path(config.cache) / "own"
    cache.mkdir(parents=True, exist_ok=True)
    source = hashlib.sha256(f"{options}{code(_READERS)}".encode()).hexdigest()[:16]
    index = cache / f"{config.name}-{source}.json"
    # All preparations of this name: the same content may have several sources.
    with lease.held(cache, config.name):
        known = described(index, {"folder": str, "states": dict})
        reader = _reader(config)
        if known and _states(reader.files(list(known["states"]))) == known["states"]:
            folder = cache / Path(known["folder"]).name
            found = _intact(folder)
            if found:
                return _described(folder, config, found)
        return _made(cache, index, config, reader, list(known["states"]) if known else [], options)


def _made(cache: Path, index: Path, config: DataConfig, reader: Reader, known: list[str], options: str) -> PreparedData:
    """Read the source, prepare it if its content is new, and record both."""
    for left in cache.glob(f".{config.name}.*.making"):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    scratch = cache / f".{config.name}.{secrets.token_hex(4)}.making"
    scratch.mkdir()
    try:
        before = _states(reader.files(known))
        content = reader.content(scratch)
        without_path = {name: value for name, value in json.loads(options).items() if name != "path"}
        text = f"{content}{json.dumps(without_path, sort_keys=True)}{code(_READERS)}"
        folder = cache / f"{config.name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        found = _intact(folder)
        if not found:
            made = scratch / "made"
            made.mkdir()
            with _announced(config) as summary:
                found = write(reader.read(scratch), config, made)
                summary.append(_summary(found))
            _check_unchanged(reader, before)
            _describe(made, found)
            if folder.exists():  # damaged
                os.replace(folder, scratch / "damaged")
            os.replace(made, folder)
        states = _check_unchanged(reader, before)
        with whole(index) as file:
            file.write(json.dumps({"folder": folder.name, "states": states}).encode())
        return _described(folder, config, found)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextlib.contextmanager
def _announced(config: DataConfig) -> Iterator[list[str]]:
    """Show that data are prepared, which may take minutes, and then the summary that is put into the list."""
    summary: list[str] = []
    tell = progress.current().announcing(config.name, beside=True) if progress.has_begun() else None
    if tell:
        tell("preparing the data")
    yield summary
    if tell:
        tell(summary[0])
        tell.done(summary[0])


def _summary(found: dict[str, Any]) -> str:
    """Return in words what was found in the data, so that the user sees what was recognised."""
    targets = ", ".join(
        f"{target['name']} is {target['task']}" + (f" of {target['classes']} classes" if target["classes"] else "")
        for target in found["targets"]
    )
    return f"{found['train_examples']} training and {found['test_examples']} test examples; {targets}"


def _reader(config: DataConfig) -> Reader:
    path = Path(str(config.path))
    options = config.options
    match kind(path):
        case Kind.ARRAYS:
            from kerasbench.data.own.npz import Npz

            return Npz(path)
        case Kind.IMAGES:
            from kerasbench.data.own.images import Images  # imports Pillow

            return Images(path, options.get("size"), config.split_seed)
        case Kind.TABLE:
            from kerasbench.data.own.table import Table

            return Table(path, config.label, options.get("drop") or [], config.task)
        case Kind.FUNCTION:
            from kerasbench.data.own.function import Function

            return Function(path, str(config.function), options)


def _states(files: Sequence[Path]) -> dict[str, list[int]]:
    """Return the state of each file, and of each folder, whose size is its number of entries."""
    found = {}
    for path in files:
        try:
            size, changed = state(path)
            found[str(path)] = [len(os.listdir(path)) if path.is_dir() else size, changed]
        except OSError:
            found[str(path)] = [-1, -1]
    return found


def _check_unchanged(reader: Reader, before: dict[str, list[int]]) -> dict[str, list[int]]:
    """Return the states of the source's files, which may have become more.

    Raises:
        UserError: one has changed.
    """
    after = _states(reader.files(list(before)))
    for path, found in after.items():
        if before.get(path, found) != found:
            raise UserError(f"{path} changed while it was read: run the command again")
    return after


def _describe(folder: Path, found: dict[str, Any]) -> None:
    """Write the folder's description, with the state of its files."""
    found["files"] = {file.name: state(file) for file in sorted(folder.glob("*.npy"))}
    with whole(folder / _DESCRIPTION) as file:
        file.write(json.dumps(found).encode())


def _intact(folder: Path) -> dict[str, Any] | None:
    """Return a prepared folder's description if its files are unchanged: by size and time, or else by content."""
    kinds = {"digest": str, "inputs": list, "targets": list, "weights": bool, "train_examples": int,
             "test_examples": int, "files": dict}  # fmt: skip
    found = described(folder / _DESCRIPTION, kinds)
    if found is None or "classes" not in found:
        return None
    files = [folder / Path(name).name for name in sorted(found["files"])]
    if list(_states(files).values()) == [found["files"][file.name] for file in files]:
        return found
    try:
        digests = [npy.digest(path) for path in files]
    except (UserError, OSError):
        return None
    if hashlib.sha256(b"".join(digests)).hexdigest() != found["digest"]:
        return None
    _describe(folder, found)
    return found


def _described(folder: Path, config: DataConfig, found: dict[str, Any]) -> PreparedData:
    return PreparedData(
        path=str(folder),
        name=config.name,
        source="own",
        digest=found["digest"],
        inputs=tuple(found["inputs"]),
        classes=found["classes"],
        train_examples=found["train_examples"],
        test_examples=found["test_examples"],
        targets=found["targets"],
        weights=found["weights"],
    )
