"""Child processes that leave nothing behind: each has a session of its own, and is ended with all that it started."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def run(command: Sequence[str | Path], **how: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as `subprocess.run` does, and then end what it has left running.

    An interruption ends the command, too. Its output is read as UTF-8.
    """
    with subprocess.Popen(command, start_new_session=True, encoding="utf-8", errors="replace", **how) as process:
        try:
            output, errors = process.communicate()
        finally:
            end(process)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def end(process: "subprocess.Popen[Any]", grace_seconds: float = 15.0) -> None:
    """End a process that has a session of its own, and its children.

    If it still runs, it gets SIGTERM and some time to end by itself. SIGKILL then ends what is left of its group, also
    when an interruption cuts the waiting short.
    """
    try:
        if process.poll() is None:
            _signal(process, signal.SIGTERM)
            _signal(process, signal.SIGCONT)  # a process that is stopped gets no other signal but SIGKILL
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(grace_seconds)
    finally:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: "subprocess.Popen[Any]", number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # PermissionError: macOS, where all are zombies
        os.killpg(process.pid, number)
