"""Runs child processes in their own sessions, and ends them with everything that they started."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerasbench.process import guardian
from kerasbench.process.interruption import uninterrupted


def start(command: Sequence[str | Path], **how: Any) -> "subprocess.Popen[Any]":
    """Start a command in its own session; it does not outlive this process, however that ends."""
    guardian.begin()
    with uninterrupted():  # a process that was started but not named would not be found
        process = subprocess.Popen(command, start_new_session=True, **how)
        guardian.watch(process.pid)
    return process


def run(command: Sequence[str | Path], **how: Any) -> subprocess.CompletedProcess[str]:
    """Run a command as `subprocess.run` does, then end any processes that it left running.

    An interruption ends the command, too. Its output is read as UTF-8.
    """
    with start(command, encoding="utf-8", errors="replace", **how) as process:
        try:
            output, errors = process.communicate()
        finally:
            end(process)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def end(process: "subprocess.Popen[Any]", grace_seconds: float = 15.0) -> None:
    """End a process that leads its own session, and its children.

    A running process gets SIGTERM and some time to exit. SIGKILL then ends the rest of its group, even if an
    interruption cuts the wait short.
    """
    try:
        if process.poll() is None:
            _signal(process, signal.SIGTERM)
            _signal(process, signal.SIGCONT)  # a stopped process reacts only to SIGKILL
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(grace_seconds)
    finally:
        _signal(process, signal.SIGKILL)
        process.wait()
        guardian.release(process.pid)


def _signal(process: "subprocess.Popen[Any]", number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # PermissionError: on macOS, if all are zombies
        os.killpg(process.pid, number)
