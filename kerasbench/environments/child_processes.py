"""Ends the child processes that threads wait for: an interruption reaches only the main thread."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from kerasbench.process import children, guardian


class _Child(Protocol):
    """A process that leads its own process group."""

    @property
    def pid(self) -> int: ...


_AnyChild = TypeVar("_AnyChild", bound=_Child)


class Interrupted(Exception):
    """The command is ending: it starts no more processes."""


class ChildProcesses:
    """The running child processes of one command's threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: set[int] = set()
        self.ended = False

    @contextlib.contextmanager
    def started(self, start: Callable[[], _AnyChild]) -> Iterator[_AnyChild]:
        """Start a child, which `end` kills while the block runs.

        Args:
            start: starts the process, in its own session.

        Raises:
            Interrupted: `end` was called before.
        """
        with self._lock:
            if self.ended:
                raise Interrupted
            child = start()
            self._groups.add(child.pid)
        try:
            yield child
        finally:
            with self._lock:
                self._groups.remove(child.pid)

    def run(self, command: Sequence[str | Path], **how: Any) -> subprocess.CompletedProcess[str]:
        """Run a command as `subprocess.run` does."""
        with self.started(lambda: children.start(command, text=True, **how)) as process:
            output, errors = process.communicate()
            guardian.release(process.pid)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def follow(self, command: Sequence[str | Path], read: Callable[[str], None], **how: Any) -> int:
        """Run a command, give each line of its messages (standard error) to `read`, and return its exit status."""
        how |= {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        with self.started(lambda: children.start(command, text=True, **how)) as process:
            assert process.stderr is not None
            with process.stderr as messages:
                for line in messages:
                    read(line)
            code = process.wait()
            guardian.release(process.pid)
        return code

    def end(self) -> None:
        """Kill every child with its own children, and start no more; the threads that wait for them continue."""
        with self._lock:
            self.ended = True
            for group in self._groups:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)
