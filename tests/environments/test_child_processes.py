import subprocess
import sys
import threading
import time

import psutil
import pytest

from kerasbench.environments.child_processes import ChildProcesses, Interrupted


@pytest.mark.slow
def test_a_command_that_a_thread_waits_for_is_killed_with_its_children_and_no_other_starts() -> None:
    processes = ChildProcesses()
    processes.run([sys.executable, "-c", ""])  # starts the guardian, which stays
    sleeping = "import subprocess; subprocess.run(['sleep', '600'])"
    done: list[subprocess.CompletedProcess[str]] = []
    thread = threading.Thread(target=lambda: done.append(processes.run([sys.executable, "-c", sleeping])))
    before = set(psutil.Process().children(recursive=True))
    thread.start()
    started: set[psutil.Process] = set()
    while len(started) < 2:  # Python, and its `sleep`
        time.sleep(0.01)
        started = set(psutil.Process().children(recursive=True)) - before
    processes.end()
    thread.join(10)
    psutil.wait_procs(started, timeout=10)
    assert done[0].returncode == -9
    assert not any(process.is_running() for process in started)
    with pytest.raises(Interrupted):
        processes.run(["true"])


def test_a_command_that_ends_by_itself_gives_its_output_and_status() -> None:
    done = ChildProcesses().run([sys.executable, "-c", "print('said'); raise SystemExit(3)"], stdout=subprocess.PIPE)
    assert (done.stdout, done.returncode) == ("said\n", 3)
