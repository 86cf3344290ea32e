"""Lets one process at a time make what all of them share, on all machines that share a file system.

A lock of the kernel (flock, fcntl) does not reach the other machines on every network file system. Here the existence
of a file is the lock: creating it exclusively is atomic on NFS, too (open(2), O_EXCL). The file names its owner's host
and process, and the owner touches it while it lives. An owner that has died is recognised at once on its own machine,
and on another one when the file has not been touched for a while.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import SoftFileLease, Timeout

_SUFFIX = ".lease"
# An NFS client may show another machine's touch a minute late (nfs(5), acregmax).
_UNTOUCHED_SECONDS, _TOUCHING_SECONDS = 180.0, 15.0
_TOLD_SECONDS = 5.0  # how long to wait in silence


@contextlib.contextmanager
def held(
    folder: Path,
    name: str,
    cancelled: Callable[[], bool] = lambda: False,
    waiting: Callable[[str], None] = lambda line: None,
) -> Iterator[None]:
    """Hold the lease of a name in a folder; wait while another process holds it.

    Args:
        folder: the shared folder, which exists.
        name: of what only one process at a time makes.
        cancelled: asked while waiting; if true, the wait ends.
        waiting: called with a line when the wait takes long.

    Raises:
        OSError: the folder cannot be written.
        Timeout: the wait was cancelled.
    """
    file = folder / f".{name}{_SUFFIX}"
    lease = SoftFileLease(file, lease_duration=_UNTOUCHED_SECONDS, heartbeat_interval=_TOUCHING_SECONDS)
    silent_until = time.monotonic() + _TOLD_SECONDS
    try:
        lease.acquire(cancel_check=lambda: cancelled() or time.monotonic() > silent_until)
    except Timeout:
        if cancelled():
            raise
        waiting(f"waiting for another process, which holds {file}")
        lease.acquire(cancel_check=cancelled)
    try:
        yield
    finally:
        lease.release()
