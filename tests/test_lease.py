"""One process at a time, on one machine or several, without a lock of the kernel."""

import multiprocessing
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
from filelock import Timeout

from kerasbench import lease


def _hold(folder: Path, held: "multiprocessing.synchronize.Event") -> None:
    with lease.held(folder, "it"):
        held.set()
        time.sleep(60)


@pytest.fixture
def holder(tmp_path: Path) -> "multiprocessing.process.BaseProcess":
    """Another process that holds the lease `it`."""
    spawning = multiprocessing.get_context("spawn")
    held = spawning.Event()
    process = spawning.Process(target=_hold, args=(tmp_path, held), daemon=True)
    process.start()
    assert held.wait(30)
    return process


def test_a_second_process_waits_until_it_is_told_to_stop(
    tmp_path: Path, holder: "multiprocessing.process.BaseProcess", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "_TOLD_SECONDS", 0.2)
    told: list[str] = []
    with pytest.raises(Timeout), lease.held(tmp_path, "it", cancelled=lambda: bool(told), waiting=told.append):
        raise AssertionError("it is held")
    assert str(tmp_path / ".it.lease") in told[0]
    holder.kill()


def test_a_holder_that_was_killed_is_recognised_at_once(
    tmp_path: Path, holder: "multiprocessing.process.BaseProcess"
) -> None:
    assert holder.pid
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    started = time.monotonic()
    with lease.held(tmp_path, "it"):
        assert time.monotonic() - started < 5
    assert not (tmp_path / ".it.lease").exists()


@pytest.mark.slow
def test_a_holder_on_another_machine_is_dead_when_it_has_not_touched_its_file_for_a_while(
    tmp_path: Path, holder: "multiprocessing.process.BaseProcess", monkeypatch: pytest.MonkeyPatch
) -> None:
    assert holder.pid
    os.kill(holder.pid, signal.SIGSTOP)  # alive here, so that only its silence can tell
    file = tmp_path / ".it.lease"
    written = file.read_text()
    assert socket.gethostname() in written
    moved = tmp_path / "moved"  # in its place, what a process of another machine would have written
    moved.write_text(written.replace(socket.gethostname(), "another-machine").replace("180.0", "1.0"))
    moved.replace(file)
    monkeypatch.setattr(lease, "_UNTOUCHED_SECONDS", 1.0)
    monkeypatch.setattr(lease, "_TOUCHING_SECONDS", 0.3)
    started = time.monotonic()
    with lease.held(tmp_path, "it"):
        assert time.monotonic() - started >= 1.0
    holder.kill()


@pytest.mark.slow
def test_a_holder_that_lives_is_never_taken_for_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_UNTOUCHED_SECONDS", 0.5)
    monkeypatch.setattr(lease, "_TOUCHING_SECONDS", 0.1)
    order: list[str] = []

    def second() -> None:
        with lease.held(tmp_path, "it"):
            order.append("second")

    with lease.held(tmp_path, "it"):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(1.5)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
