"""A command that is killed: its children end with it, and no others."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from kerasbench.paths import PROJECT

_COMMAND = """
import subprocess, sys, time
from kerasbench.process import children
ended = children.start(["true"]); children.end(ended)
stopped = children.start([sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"])
parent = children.start(["sh", "-c", "sleep 60 & sleep 60"], stdout=subprocess.DEVNULL)
left = subprocess.Popen(["sleep", "60"], start_new_session=True, stdout=subprocess.DEVNULL)  # not given to the guardian
while len(__import__("psutil").Process(parent.pid).children()) < 1: time.sleep(0.01)
print(left.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.slow
def test_a_command_that_is_killed_takes_its_children_along(tmp_path: Path) -> None:
    variables = os.environ | {"PYTHONPATH": str(PROJECT)}
    command = subprocess.Popen([sys.executable, "-c", _COMMAND], stdout=subprocess.PIPE, text=True, env=variables)
    assert command.stdout is not None
    left = psutil.Process(int(command.stdout.readline()))
    started = set(psutil.Process(command.pid).children(recursive=True)) - {left}
    assert len(started) >= 4  # the guardian, the stopped one, the shell and its child
    command.send_signal(signal.SIGKILL)
    command.communicate()
    _, alive = psutil.wait_procs(started, timeout=10)
    assert not alive
    assert left.is_running()
    left.kill()
