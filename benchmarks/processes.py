"""Runs a command as a user would, and measures it from outside: wall-clock seconds, and the memory of its process."""

import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from kerasbench.paths import PROJECT
from kerasbench.process import children
from kerasbench.terminal.errors import UserError

_INTERVAL_SECONDS = 0.1
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Finished:
    """A command that has ended well.

    Attributes:
        seconds: from before its process was made until after it was gone.
        peak_rss_mib: the most memory that the process itself, without its children, was seen to hold.
        output: what it printed.
    """

    seconds: float
    peak_rss_mib: float
    output: str


def run(command: Sequence[str | Path], variables: Mapping[str, str], log: Path) -> Finished:
    """Run a command in the project's folder to its end; whatever happens, no process is left behind.

    It gets a session of its own, so that Ctrl-C reaches it only from here, as one SIGTERM.

    Raises:
        UserError: it failed.
    """
    started = time.perf_counter()
    with (
        log.open("w") as messages,
        subprocess.Popen(
            command, cwd=PROJECT, env=dict(variables), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=messages, text=True, start_new_session=True,
        ) as process,
    ):  # fmt: skip
        try:
            with _PeakMemory(process.pid) as memory:
                output, _ = process.communicate()
                seconds = time.perf_counter() - started
        finally:
            children.end(process)  # train.py ends its worker when it is told to end
    if process.returncode:
        lines = [line.strip() for line in (log.read_text(errors="replace") + output).splitlines() if line.strip()]
        raise UserError(f"exit status {process.returncode}: {(lines or ['no message'])[-1]} (all of it: {log})")
    return Finished(seconds, memory.mib, output)


class _PeakMemory:
    """Looks at a process's resident memory from a thread, ten times a second.

    Not `getrusage`: of a process's children it gives the largest, and the worker is one.
    """

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="peak-memory", daemon=True)
        self.mib = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(_INTERVAL_SECONDS):
            try:
                self.mib = max(self.mib, self._process.memory_info().rss / _MIB)
            except psutil.NoSuchProcess:
                return
