"""The durable record of a run: everything it reports, kept in its output folder before a store is asked for anything.

`events.jsonl` holds one operation a line. `events.synced` says how many of them the store has, and under which run id.
"""

import contextlib
import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from kerasbench.terminal.errors import UserError

VERSION = 1
EVENTS, SYNCED = "events.jsonl", "events.synced"

Operation = dict[str, Any]  # `op`, its name, and what it needs


@dataclass
class Progress:
    """How much of a record the store has.

    Attributes:
        applied: the number of operations, from the first on.
        run_id: of the run in the store; empty if it has not been created.
        complete: whether the store has all of it.
        waiting: the numbers of those of them, counted from 0, whose files the store has not taken.
    """

    applied: int = 0
    run_id: str = ""
    complete: bool = False
    waiting: list[int] = field(default_factory=list)


class Record:
    """The record in one folder. One process at a time writes it or hands it on to the store."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; nothing is written yet."""
        self.folder = folder
        self._lock = FileLock(folder / ".events.lock")
        self._descriptor: int | None = None

    @contextlib.contextmanager
    def owned(self) -> Iterator[bool]:
        """Yield whether no other process owns the record; it belongs to this one until the block ends."""
        try:
            self._lock.acquire(blocking=False)
        except (Timeout, OSError):
            yield False
            return
        try:
            yield True
        finally:
            self._lock.release()

    def set_aside(self) -> None:
        """Move the record of an earlier run in this folder into a folder of its own, where `kerasbench sync` finds it.

        Raises:
            OSError: it cannot be moved.
        """
        if not (self.folder / EVENTS).exists():
            return
        numbers = itertools.count(1)
        earlier = next(path for number in numbers if not (path := self.folder / f"earlier-{number}").exists())
        earlier.mkdir()
        for name in (SYNCED, EVENTS):
            with contextlib.suppress(FileNotFoundError):
                (self.folder / name).replace(earlier / name)

    def append(self, operation: Operation) -> None:
        """Write an operation; it survives this process from then on.

        Raises:
            OSError: the folder is gone, or its disk is full.
        """
        line = json.dumps({"version": VERSION} | operation).encode() + b"\n"
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            self._descriptor = os.open(self.folder / EVENTS, flags, 0o666)
        if os.write(self._descriptor, line) != len(line):  # one call, which no signal can interrupt halfway
            raise OSError(f"{self.folder / EVENTS} could only be written in part")

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def operations(self) -> list[Operation]:
        """Return all operations; a last line that was cut off, because its process died, does not count.

        Raises:
            UserError: the file is no record, or one of a newer version.
        """
        file = self.folder / EVENTS
        found = []
        for number, line in enumerate(file.read_bytes().split(b"\n")[:-1], start=1):
            try:
                operation = json.loads(line)
                version = operation["version"]
                operation["op"]
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise UserError(f"{file}, line {number}, is no event of a run: {error!r}. Delete the file.") from error
            if version != VERSION:
                raise UserError(f"{file} has version {version}; this kerasbench reads {VERSION}. Use the newer one.")
            found.append(operation)
        return found

    @property
    def progress(self) -> Progress:
        """How much of it the store has; nothing, if that is not known."""
        try:
            kept = json.loads((self.folder / SYNCED).read_text())
            waiting = [int(number) for number in kept["waiting"]]
            return Progress(int(kept["applied"]), str(kept["run_id"]), kept["complete"] is True, waiting)
        except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return Progress()

    def advance(self, progress: Progress) -> None:
        """Keep how much of it the store has. Losing this is harmless: every operation may be applied again."""
        with contextlib.suppress(OSError):
            file = self.folder / SYNCED
            partial = file.with_suffix(".tmp")
            partial.write_text(json.dumps(asdict(progress)))
            partial.replace(file)
