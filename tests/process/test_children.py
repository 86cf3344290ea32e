"""Child processes: nothing is left of one that is ended."""

import subprocess
import sys

import psutil
import pytest

from kerasbench.process import children

_WITH_A_CHILD = (
    "import subprocess; subprocess.Popen(['sleep', '60']); print('up', flush=True); import time; time.sleep(60)"
)


def test_a_command_is_run_to_its_end() -> None:
    done = children.run([sys.executable, "-c", "print('said'); raise SystemExit(3)"], stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (3, "said\n")


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
