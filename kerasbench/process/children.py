"""Child processes that leave nothing behind: each has a session of its own, and is ended with all that it started."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def run(command: Sequence[str | Path], **how: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as `subprocess.run` does; an interruption ends its children, too."""
    with subprocess.Popen(command, start_new_session=True, text=True, **how) as process:
        try:
            output, errors = process.communicate()
        except BaseException:
            end(process)
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def end(process: "subprocess.Popen[Any]", grace_seconds: float = 15.0) -> None:
    """End a process that has a session of its own, and its children: by SIGTERM if it runs still, then SIGKILL."""
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace_seconds)
    _signal(process, signal.SIGKILL)  # children that outlived it, and a process that did not listen
    process.wait()


def _signal(process: "subprocess.Popen[Any]", number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
