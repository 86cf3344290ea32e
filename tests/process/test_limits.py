"""How long the driver waits for a worker: it ends a silent one."""

import os
import sys
from pathlib import Path

import pytest

from kerasbench.process.limits import Limits
from kerasbench.process.worker_process import WorkerDied, WorkerProcess
from kerasbench.worker import protocol


def _silent(tmp_path: Path) -> Path:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexec {sys.executable} -c 'import time; time.sleep(60)'\n")
    python.chmod(0o755)
    return python


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        (Limits(stall_seconds=0.3), "trainer.stall_seconds"),
        (Limits(timeout_seconds=0.3), "trainer.timeout_seconds=0.3"),
    ],
)
def test_a_worker_that_says_nothing_is_given_up_and_ended(tmp_path: Path, limits: Limits, named: str) -> None:
    with WorkerProcess(_silent(tmp_path), dict(os.environ), tmp_path / "log", limits) as worker:
        pid = worker.pid
        with pytest.raises(WorkerDied, match=named):
            worker.expect(protocol.READY)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_nearer_limit_counts() -> None:
    limits = Limits(stall_seconds=10, timeout_seconds=100)
    assert limits.deadline(protocol.EPOCH, asked=50, started=0)[0] == 60
    assert limits.deadline(protocol.EPOCH, asked=95, started=0)[0] == 100


def test_without_a_limit_an_import_may_take_minutes_and_an_epoch_hours() -> None:
    assert Limits().deadline(protocol.READY, 0, 0)[0] >= 600
    assert Limits().deadline(protocol.EPOCH, 0, 0)[0] >= 3600
