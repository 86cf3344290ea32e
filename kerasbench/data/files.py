"""Files that are noticed when they change, and never seen half-written."""

import contextlib
import functools
import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any


def state(path: Path) -> list[int]:
    """Return a file's size in bytes and its modification time in nanoseconds."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


@contextlib.contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file that replaces `path` once it is completely written, and is deleted on any error."""
    # Not tempfile, whose files only their owner can read: the umask decides who shares prepared data.
    part = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        with part.open("xb") as file:
            yield file
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def described(path: Path, kinds: Mapping[str, type]) -> dict[str, Any] | None:
    """Return the content of a JSON file; None if it is missing or damaged, or lacks a field of these types."""
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return None
    complete = isinstance(found, dict) and all(isinstance(found.get(name), kind) for name, kind in kinds.items())
    return found if complete else None


@functools.cache
def code(folder: Path) -> str:
    """Return a digest of a package's source, so that files prepared by another version of it are not reused."""
    files = sorted(folder.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]
