"""Files that are noticed when they change, and never seen half-written."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO


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
