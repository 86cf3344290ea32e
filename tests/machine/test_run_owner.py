"""Whether the process that a run belongs to is still alive."""

import subprocess
import sys

from kerasbench.machine.run_owner import is_gone, owner


def test_this_process_is_alive_and_one_that_ended_is_gone() -> None:
    assert not is_gone(owner())
    code = "from kerasbench.machine.run_owner import owner; print(owner())"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert is_gone(ended)


def test_another_start_of_the_machine_or_of_the_process_is_another_process() -> None:
    host, boot, pid, started = owner().split(" ")
    assert is_gone(f"{host} another-boot {pid} {started}")
    assert is_gone(f"{host} {boot} {pid} {float(started) - 100}")


def test_nothing_is_known_of_other_machines_and_of_other_texts() -> None:
    _, boot, pid, started = owner().split(" ")
    assert not is_gone(f"elsewhere {boot} {pid} {started}")
    assert not is_gone("anything")
