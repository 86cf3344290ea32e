"""Many at once and many in a row: first users, a sweep whose server and driver are killed, hundreds of jobs."""

import os
import signal
import subprocess
from pathlib import Path

import numpy
import psutil
import pytest
from mlflow.entities import Run

from kerasbench.vocabulary import Metric, Tag
from tests.faults.conftest import Aftermath, until
from tests.faults.server import Server
from tests.stub.driver import Stub
from tests.stub.environments import DOUBLES

pytestmark = [pytest.mark.slow, pytest.mark.thorough]


def _finished(aftermath: Aftermath) -> list[Run]:
    return [run for run in aftermath.runs() if run.info.status == "FINISHED"]


def test_eight_first_users_at_once_two_of_them_with_sweeps_share_what_does_not_exist_yet(
    stub: Stub, aftermath: Aftermath, tmp_path: Path
) -> None:
    (stub.folder / "mlruns" / "mlflow.db").unlink()
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"numpy=={numpy.__version__}\n")  # all that the doubles need
    sweeps = [["-m", "label=a,b"]] * 2 + [[]] * 6
    commands = [
        stub.start(
            *more, "backend=torch", f"environments.folder={tmp_path}/environments", f"data.cache={tmp_path}/data",
            f"backend.requirements={requirements}", f"+backend.variables.PYTHONPATH={DOUBLES}", f"seed={user}",
        )
        for user, more in enumerate(sweeps)
    ]  # fmt: skip
    for command in commands:
        printed, errors = command.communicate(timeout=240)
        assert command.returncode == 0, printed + errors
        assert "Traceback" not in printed + errors
    assert len(_finished(aftermath)) == 2 * 2 + 6
    assert len(list((tmp_path / "environments").glob("torch-*"))) == 1
    assert len(list((tmp_path / "data").glob("*.npz"))) == 1
    assert not list((tmp_path / "environments").glob(".*.tmp-*"))


_EPOCHS = 12
_SWEEP = ("-m", "backend=theano,torch", "label=a,b,c", "repeats=2", f"trainer.epochs={_EPOCHS}")


def _losses(aftermath: Aftermath) -> dict[tuple[str, str, str], dict[int, float]]:
    """Return the losses of each cell that has finished, by its backend, label and seed."""
    found = {}
    for run in _finished(aftermath):
        assert aftermath.epochs(run) == list(range(1, _EPOCHS + 1))  # no gap, no duplicate
        cell = (run.data.tags[Tag.BACKEND], run.data.tags[Tag.LABEL], run.data.params["seed"])
        assert cell not in found
        found[cell] = aftermath.history(run, Metric.LOSS)
    return found


def test_a_sweep_whose_server_is_killed_twice_and_driver_once_ends_as_an_undisturbed_one(
    stub: Stub, server: Server, aftermath: Aftermath
) -> None:
    assert stub.train(*_SWEEP, *stub.failing("none")).returncode == 0
    undisturbed = _losses(aftermath)
    assert len(undisturbed) == 12

    aftermath.uri, aftermath.driver_killed = server.uri, True
    same = [
        *_SWEEP, *stub.failing("slow"), f"tracking.uri={server.uri}", "tracking.experiment=twelve",
        f"hydra.sweep.dir={stub.folder}/twelve", "tracking.patience_seconds=90",
    ]  # fmt: skip
    aftermath.experiment, aftermath.folder = "twelve", stub.folder / "twelve"

    def begun(name: str) -> int:
        return len(list(aftermath.folder.rglob(name)))

    driver = stub.start(*same)
    until(lambda: begun("events.jsonl") >= 2)
    server.kill()
    server.start()
    until(lambda: len(_finished(aftermath)) >= 4)
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate()
    again = stub.start(*same)
    until(lambda: begun("earlier-1") >= 2)  # two jobs have taken over the folders of earlier ones
    server.kill()
    server.start()
    printed, errors = again.communicate(timeout=240)
    assert again.returncode == 0, printed + errors
    assert "of 12 jobs have finished" in printed
    assert _losses(aftermath) == undisturbed


def _figures(driver: "subprocess.Popen[str]") -> tuple[float, int]:
    process = psutil.Process(driver.pid)
    return process.memory_info().rss / 2**20, process.num_fds()


JOBS = int(os.environ.get("KERASBENCH_JOBS", "24"))  # 500 take six minutes


def test_memory_and_open_files_of_the_driver_do_not_grow_with_the_jobs(stub: Stub, aftermath: Aftermath) -> None:
    figures: dict[int, tuple[float, int]] = {}
    driver = stub.start("-m", "backend=torch", f"seed=range({JOBS})", "trainer.epochs=1", "quiet=true")
    for number in range(JOBS // 8, JOBS, JOBS // 8):
        until(lambda: (stub.outputs / str(number)).exists(), 600)  # noqa: B023
        figures[number] = _figures(driver)
    printed, errors = driver.communicate(timeout=600)
    assert driver.returncode == 0, printed + errors
    print(f"{JOBS} jobs, MiB and open files: {figures}")
    (early, early_files), (late, late_files) = list(figures.values())[2], list(figures.values())[-1]
    assert late_files <= early_files + 3
    assert late - early < 5 + 0.02 * JOBS  # MiB
    assert late < 350  # checking all jobs before the first has left little behind
    assert len(_finished(aftermath)) == JOBS
    told = [line for line in (printed + errors).splitlines() if "other processes used" not in line]
    assert len(told) < 60  # the log stays readable
