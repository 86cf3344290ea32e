"""A driver that is killed or interrupted, in each phase of a command: no process, lock or RUNNING run is left."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.faults.conftest import Aftermath, until
from tests.stub.driver import Stub
from tests.stub.environments import write_environments

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

_BUILD = """
import pathlib, time
def get_requires_for_build_wheel(*_): return []
def prepare_metadata_for_build_wheel(*_): return build_wheel()
def build_wheel(*_):
    pathlib.Path("building").touch()
    time.sleep(60)
"""
_IMPORT = "import os, pathlib, time\npathlib.Path({marker!r}).touch()\ntime.sleep(60)\n"

Phase = tuple[list[str], Callable[[psutil.Process], bool]]  # a command's arguments, and whether it is in this phase


@pytest.fixture
def phases(stub: Stub, aftermath: Aftermath, tmp_path: Path) -> dict[str, Callable[[], Phase]]:
    """The phases of a command; each lasts for a minute, except the report."""

    def provisioning() -> Phase:
        """uv builds a package, which runs its own process, in an environment folder that does not exist yet."""
        package = tmp_path / "package"
        package.mkdir()
        (package / "build.py").write_text(_BUILD)
        (package / "pyproject.toml").write_text(
            '[build-system]\nrequires = []\nbuild-backend = "build"\nbackend-path = ["."]\n'
            '[project]\nname = "slow"\nversion = "1"\n'
        )
        requirements = tmp_path / "requirements.txt"
        requirements.write_text(f"slow @ {package.as_uri()}\n")
        own = [f"environments.folder={tmp_path}/new", f"backend.requirements={requirements}"]
        return own, lambda driver: (package / "building").exists()

    def importing() -> Phase:
        """A worker that imports Keras: it has not read its request, and reads nothing."""
        environments, marker = tmp_path / "importing", tmp_path / "imports"
        write_environments(environments)
        double = tmp_path / "double"
        double.mkdir()
        (double / "keras.py").write_text(_IMPORT.format(marker=str(marker)))
        for python in environments.glob("*/bin/python"):
            python.write_text(python.read_text().replace("PYTHONPATH=", f"PYTHONPATH={double}:"))
        return [f"environments.folder={environments}"], lambda driver: marker.exists()

    def training() -> Phase:
        return [*stub.failing("sleep", after=9), "trainer.epochs=9"], lambda driver: _epochs(aftermath) == [1, 2]

    def stopped() -> Phase:
        return (
            [*stub.failing("stop", after=9), "trainer.epochs=9"],
            lambda driver: (
                psutil.STATUS_STOPPED in [one.status() for one in driver.children()] and _epochs(aftermath) == [1, 2]
            ),
        )

    def report() -> Phase:
        return ["report=true"], lambda driver: any(
            "report" in one.cmdline() for one in driver.children(recursive=True) if one.is_running()
        )

    return {one.__name__: one for one in (provisioning, importing, training, stopped, report)}


def _epochs(aftermath: Aftermath) -> list[int]:
    return next((aftermath.epochs(run) for run in aftermath.runs()), [])


@contextlib.contextmanager
def _in_phase(stub: Stub, phase: Phase) -> Iterator["subprocess.Popen[str]"]:
    """Start a sweep, and yield it when it is in the phase."""
    arguments, reached = phase
    with stub.start("-m", "backend=torch", "label=a,b", *arguments) as driver:
        process = psutil.Process(driver.pid)

        def here() -> bool:
            assert driver.poll() is None, driver.communicate()
            with contextlib.suppress(psutil.NoSuchProcess):
                return reached(process)
            return False

        until(here)
        try:
            yield driver
        finally:
            driver.kill()


@pytest.mark.parametrize("phase", ["provisioning", "importing", "training", "stopped", "report"])
@pytest.mark.parametrize(
    "numbers", [["SIGKILL"], ["SIGTERM"], ["SIGHUP"], ["SIGINT"], ["SIGINT", "SIGINT"]], ids="-".join
)
def test_a_driver_that_is_killed_or_interrupted_leaves_nothing_behind(
    stub: Stub, aftermath: Aftermath, phases: dict[str, Callable[[], Phase]], numbers: list[str], phase: str
) -> None:
    killed = numbers == ["SIGKILL"]
    aftermath.driver_killed = killed
    with _in_phase(stub, phases[phase]()) as driver:
        for number in numbers:
            driver.send_signal(signal.Signals[number])
            time.sleep(0.1)
        printed, errors = driver.communicate(timeout=20)
    assert driver.returncode == (-signal.SIGKILL if killed else 130)
    if not killed:
        assert "Traceback" not in printed + errors
    finished = [run for run in aftermath.runs() if run.info.status == "FINISHED"]
    assert len(finished) == (2 if phase == "report" else 0)
    if phase in ("training", "stopped"):
        assert _epochs(aftermath) == [1, 2]
