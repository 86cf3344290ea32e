"""Kills the child processes that a command leaves behind when it is killed itself.

The guardian is one small process, which waits at a pipe. Only the command holds the other end, so the pipe closes when
the command ends, even by SIGKILL. The guardian then kills every process group that the command has named and not
released. A child that is stopped, or that never reads its input, ends, too.
"""

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading
from typing import IO


class _Guardian:
    """The guardian of this process; it starts with the first child."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start it, if it has not been started."""
        with self._lock:
            self._pipe()

    def tell(self, sign: str, group: int) -> None:
        """Name (+) or release (-) a process group."""
        with self._lock, contextlib.suppress(BrokenPipeError):
            self._pipe().write(b"%s%d\n" % (sign.encode(), group))  # unbuffered

    def _pipe(self) -> IO[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", __file__],  # without site-packages: it starts in 10 ms
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                bufsize=0, cwd="/", start_new_session=True,
            )  # fmt: skip
            atexit.register(self._end)
            os.register_at_fork(after_in_child=self._forget)
        assert self._process.stdin is not None
        return self._process.stdin

    def _end(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()

    def _forget(self) -> None:
        """In a forked process: close the pipe, whose end is the end of the command, not of this process."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.returncode = 0  # not this process's child
        self.__init__()  # type: ignore[misc]


_own = _Guardian()


def begin() -> None:
    """Start the guardian before the first child, which it then knows from its first moment on."""
    _own.begin()


def watch(group: int) -> None:
    """Have a process group killed if this process ends before it releases the group."""
    _own.tell("+", group)


def release(group: int) -> None:
    """Stop watching a process group that has ended: its id may be given to another one."""
    _own.tell("-", group)


def main() -> None:
    """Read groups until the command has ended, then kill those that are left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
