"""Child processes: ending one leaves nothing behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from kerasbench.process import children

_WITH_A_CHILD = (
    "import subprocess; subprocess.Popen(['sleep', '60']); print('up', flush=True); import time; time.sleep(60)"
)


def test_a_command_is_run_to_its_end() -> None:
    done = children.run([sys.executable, "-c", "print('said'); raise SystemExit(3)"], stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (3, "said\n")


@pytest.mark.slow
def test_an_interruption_ends_a_command_and_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[psutil.Process] = []

    def interrupted(process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        command = psutil.Process(process.pid)
        started.extend([command, *command.children()])
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        children.run([sys.executable, "-c", _WITH_A_CHILD], stdout=subprocess.PIPE)
    assert len(started) == 2
    _, alive = psutil.wait_procs(started, timeout=10)
    assert not alive


_STOPPED = """
import os, pathlib, signal, sys, time
def ended(*_):
    pathlib.Path(sys.argv[1]).write_text("ended", encoding="utf-8")
    sys.exit(0)
signal.signal(signal.SIGTERM, ended)
print("up", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
time.sleep(60)
"""


def test_a_child_that_is_stopped_can_end_by_itself(tmp_path: Path) -> None:
    marker = tmp_path / "ended"
    command = [sys.executable, "-c", _STOPPED, str(marker)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    process.stdout.readline()
    while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
        time.sleep(0.01)
    children.end(process)
    process.stdout.close()
    assert marker.exists()
    assert process.returncode == 0


def test_what_a_command_leaves_running_is_ended_with_it(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    children.run(["sh", "-c", f"sleep 60 & echo $! > '{told}'"])
    _assert_gone(int(told.read_text()))


def test_a_second_interruption_leaves_nothing_behind() -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    process.stdout.readline()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            children.end(process, grace_seconds=60)
    finally:
        signal.signal(signal.SIGALRM, before)
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL


def test_output_that_is_no_utf_8_is_read() -> None:
    done = children.run(["printf", r"\377 ok"], stdout=subprocess.PIPE)
    assert done.stdout.endswith(" ok")


def _assert_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.01)
