"""`kerasbench ui` and `kerasbench report`, killed in any way: their servers and their drawing processes end, too."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import psutil
import pytest

from kerasbench.paths import PROJECT
from tests.faults.conftest import Aftermath, until
from tests.stub.driver import Stub

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

_SIGNALS = ["SIGKILL", "SIGTERM", "SIGHUP", "SIGINT"]


def _start(stub: Stub, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "kerasbench", *arguments]
    variables = os.environ | {"PYTHONPATH": str(PROJECT), "MLFLOW_TRACKING_URI": stub.store}
    return subprocess.Popen(
        command, cwd=stub.folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _has(command: psutil.Process, condition: Callable[[list[psutil.Process]], bool]) -> bool:
    with contextlib.suppress(psutil.Error):  # a child has just ended
        return condition(command.children(recursive=True))
    return False


def _kill(command: "subprocess.Popen[str]", number: str) -> None:
    command.send_signal(signal.Signals[number])
    command.communicate(timeout=30)


@pytest.mark.parametrize("number", _SIGNALS)
def test_a_ui_that_is_killed_takes_its_server_along(stub: Stub, number: str) -> None:
    stub.run("backend=torch", "trainer.epochs=1")
    ui = _start(stub, "ui", "--port", "0")
    own = psutil.Process(ui.pid)
    until(lambda: _has(own, lambda children: any("server" in one.cmdline() for one in children)))
    if number == "SIGKILL":  # the server is up, and has a worker of its own
        assert ui.stdout is not None
        assert any("compared at" in line for line in ui.stdout)
    _kill(ui, number)


@pytest.mark.parametrize("number", _SIGNALS)
def test_a_report_that_is_killed_takes_the_processes_that_draw_along(
    stub: Stub, aftermath: Aftermath, number: str
) -> None:
    stub.run("backend=torch", "trainer.epochs=1")
    report = _start(stub, "report", "--output", str(stub.folder / "report"))
    own = psutil.Process(report.pid)

    # A fork server, a resource tracker, and what draws.
    until(lambda: _has(own, lambda children: len(children) >= 3))
    _kill(report, number)
