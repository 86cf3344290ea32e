"""Sweeps on a real Slurm, with real backends, from a folder that is not the checkout, to a real MLflow server."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.entities import Run

from kerasbench.vocabulary import Tag
from tests.cluster.slurm import Slurm
from tests.conftest import runs_in

pytestmark = [pytest.mark.slow, pytest.mark.thorough, pytest.mark.xdist_group("postgres")]

Sweep = Callable[..., "subprocess.Popen[str]"]
_SMALL = ("data.source=embedded", "data.train_samples=640", "data.test_samples=128", "trainer.epochs=2", "noise=keep")


@pytest.fixture
def experiment(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


@pytest.fixture
def start(cluster: Slurm, postgres_server: str, experiment: str, data_cache: Path, tmp_path: Path) -> Sweep:
    """Start a sweep on the cluster, by the console command, in a folder of the test's own."""

    def started(*arguments: str) -> "subprocess.Popen[str]":
        command = [
            str(Path(sys.executable).with_name("kerasbench")), "train", "-m", "hydra/launcher=slurm",
            f"tracking.experiment={experiment}", f"hydra.sweep.dir={tmp_path}/outputs",
            f"launcher.locks={tmp_path}/locks", f"data.cache={data_cache}", *_SMALL, *arguments,
        ]  # fmt: skip
        variables = os.environ | cluster.variables | {"MLFLOW_TRACKING_URI": postgres_server}
        return subprocess.Popen(
            command, cwd=tmp_path, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return started


def _ended(process: "subprocess.Popen[str]", status: int, cluster: Slurm) -> str:
    with process:  # its jobs end with the cluster
        try:
            output, errors = process.communicate(timeout=1200)
        finally:
            process.kill()
    assert process.returncode == status, output + errors + cluster.logs()
    return output


def _statuses(runs: list[Run]) -> list[str]:
    return sorted(run.info.status for run in runs)


def test_six_cells_run_on_the_cluster_each_on_cores_of_its_own(
    start: Sweep, cluster: Slurm, postgres_server: str, experiment: str, tmp_path: Path
) -> None:
    output = _ended(start("backend=tensorflow,jax,torch", "seed=1,2"), 0, cluster)
    runs = runs_in(postgres_server, experiment)
    assert _statuses(runs) == ["FINISHED"] * 6
    assert len({run.data.tags[Tag.SWEEP] for run in runs}) == 1
    assert output.count("To compare them") == 1
    assert {line.split()[1] for line in output.splitlines() if "■" in line} == {"tensorflow", "jax", "torch"}
    assert (tmp_path / "outputs" / "report" / "report.html").exists()
    beside = [
        (one, other) for one in runs for other in runs
        if one is not other and one.info.start_time < other.info.end_time and other.info.start_time < one.info.end_time
    ]  # fmt: skip
    assert all(len(run.data.tags[Tag.OWN_CPUS].split(",")) == 1 for run in runs)
    assert all(one.data.tags[Tag.OWN_CPUS] != other.data.tags[Tag.OWN_CPUS] for one, other in beside)


def test_a_cancelled_job_is_killed_and_the_same_command_again_completes_the_sweep(
    start: Sweep, cluster: Slurm, postgres_server: str, experiment: str
) -> None:
    sweep = start("backend=jax,torch", "report=false")
    running = _first_running(postgres_server, experiment, cluster)
    number = int(running.data.tags[Tag.BACKEND] == "torch")
    (array,) = {line.partition("_")[0] for line in cluster("squeue", "--noheader", "--format=%i").split()}
    cluster("scancel", f"{array}_{number}")
    _ended(sweep, 1, cluster)
    runs = runs_in(postgres_server, experiment)
    assert {run.data.tags[Tag.BACKEND]: run.info.status for run in runs}[running.data.tags[Tag.BACKEND]] == "KILLED"
    assert _statuses(runs) == ["FINISHED", "KILLED"]
    output = _ended(start("backend=jax,torch", "report=false"), 0, cluster)
    assert "1 of 2 jobs have finished" in output
    runs = runs_in(postgres_server, experiment)
    assert _statuses(runs) == ["FINISHED", "FINISHED", "KILLED"]
    assert len({run.data.tags[Tag.SWEEP] for run in runs}) == 1
    assert {run.data.tags[Tag.BACKEND] for run in runs if run.info.status == "FINISHED"} == {"jax", "torch"}


def test_ctrl_c_cancels_all_jobs_and_says_how_to_continue(
    start: Sweep, cluster: Slurm, postgres_server: str, experiment: str
) -> None:
    sweep = start("backend=jax,torch", "seed=1,2", "report=false")
    _first_running(postgres_server, experiment, cluster)
    sweep.send_signal(signal.SIGINT)
    output = _ended(sweep, 130, cluster)
    assert "run the same command again" in output
    assert not cluster("squeue", "--noheader")
    statuses = _statuses(runs_in(postgres_server, experiment))
    assert "KILLED" in statuses
    assert set(statuses) <= {"FINISHED", "KILLED"}


def _first_running(uri: str, experiment: str, cluster: Slurm) -> Run:
    deadline = time.monotonic() + 600
    while not (running := _running(uri, experiment)):
        assert time.monotonic() < deadline, cluster.logs()
        time.sleep(0.2)
    return running[0]


def _running(uri: str, experiment: str) -> list[Run]:
    try:
        return [run for run in runs_in(uri, experiment) if run.info.status == "RUNNING"]
    except AssertionError:  # the experiment has not been made yet
        return []
