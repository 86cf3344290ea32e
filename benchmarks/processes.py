"""Runs a command as a user would, and measures it from outside: wall-clock seconds and the memory of its process."""

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
    """A command that has succeeded.

    Attributes:
        seconds: from before the start of its process until after its end.
        peak_rss_mib: largest sampled resident memory of the process, without its children.
        output: its standard output.
    """

    seconds: float
    peak_rss_mib: float
    output: str


def run(command: Sequence[str | Path], variables: Mapping[str, str], log: Path) -> Finished:
    """Run a command in the project's folder to its end; no process is left behind in any case.

    It runs in a new session, so that Ctrl-C reaches it only from here, as one SIGTERM.

    Raises:
        UserError: the command failed.
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
            children.end(process)  # on SIGTERM, train.py ends its worker
    if process.returncode:
        lines = [line.strip() for line in (log.read_text(errors="replace") + output).splitlines() if line.strip()]
        raise UserError(f"exit status {process.returncode}: {(lines or ['no message'])[-1]} (full output: {log})")
    return Finished(seconds, memory.mib, output)


class _PeakMemory:
    """Samples a process's resident memory from a thread, ten times a second.

    Not `getrusage`: it reports the largest of a process's children, and the worker is one of them.
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
