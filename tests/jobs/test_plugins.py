"""Hydra's sweeper of Optuna and its launchers of joblib and submitit, which the optional extras install."""

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from mlflow.entities import Run
from omegaconf import OmegaConf

from kerasbench.machine.hardware import physical_cores
from kerasbench.report import collect
from kerasbench.vocabulary import Tag
from tests.stub.driver import Stub
from tests.stub.environments import write_gpu_environment

_OPTUNA = ("hydra/sweeper=optuna", "hydra.sweeper.n_trials=8", "hydra.sweeper.sampler.seed=1")
_RATE = "model.optimizer.learning_rate=interval(0.0001,0.1)"

pytestmark = [pytest.mark.slow, pytest.mark.thorough]
optuna = pytest.mark.skipif(not find_spec("optuna"), reason="pip install kerasbench[optuna]")
joblib = pytest.mark.skipif(not find_spec("hydra_plugins.hydra_joblib_launcher"), reason="kerasbench[joblib]")
launchers = pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])


def _told(stub: Stub, status: int, *arguments: str) -> str:
    with stub.start("-m", *arguments) as process:
        output, errors = process.communicate()
    assert process.returncode == status, output + errors
    assert not errors
    return output


@optuna
@pytest.mark.parametrize(("objective", "best"), [("val_accuracy", max), ("val_loss", min)])
def test_optuna_finds_the_best_learning_rate_and_its_trials_are_one_sweep(
    stub: Stub, objective: str, best: type
) -> None:
    told = _told(stub, 0, *_OPTUNA, "backend=theano", _RATE, f"objective={objective}")
    assert told.count("To compare them") == told.count("examples  ") == 1  # one table, after the last trial
    runs = stub.runs()
    assert len({run.data.tags["sweep"] for run in runs}) == 1
    rates = [float(run.data.params["model.optimizer.learning_rate"]) for run in runs]
    assert len(set(rates)) == 8
    assert all(0.0001 <= rate <= 0.1 for rate in rates)
    found = OmegaConf.load(stub.outputs / "optimization_results.yaml")
    assert found.best_value == best(run.data.metrics[objective] for run in runs)
    (of_the_best,) = {
        float(run.data.params["model.optimizer.learning_rate"])
        for run in runs
        if run.data.metrics[objective] == found.best_value
        and float(run.data.params["model.optimizer.learning_rate"]) == next(iter(found.best_params.values()))
    }
    (study,) = collect(stub.store, "keras-backends").rankings  # one, with a competitor for each trial
    assert len(study.cells) == 8
    assert any(str(of_the_best) in cell.competitor for cell in study.cells)


@optuna
def test_a_trial_that_fails_is_the_worst_and_the_search_goes_on(stub: Stub) -> None:
    _told(stub, 1, *_OPTUNA, "backend=theano,torch", _RATE, *stub.failing("raise", on="torch"))
    assert {run.data.tags["backend"]: run.info.status for run in stub.runs()} == {
        "theano": "FINISHED", "torch": "FAILED",
    }  # fmt: skip
    assert OmegaConf.load(stub.outputs / "optimization_results.yaml").best_params.backend == "theano"


@optuna
def test_several_directions_are_refused(stub: Stub) -> None:
    with stub.start("-m", *_OPTUNA, "seed=1,2", "hydra.sweeper.direction=[minimize,maximize]") as process:
        _, errors = process.communicate()
    assert process.returncode == 2
    assert errors.startswith("error: hydra.sweeper.direction")
    assert not stub.runs()


def _locks(stub: Stub) -> str:
    return f"launcher.locks={stub.folder}/locks"


@launchers
def test_jobs_are_as_quiet_as_the_command_have_their_own_cores_and_one_table_ends_them(
    stub: Stub, launcher: str
) -> None:
    told = _told(stub, 0, f"hydra/launcher={launcher}", _locks(stub), "backend=theano,torch", "seed=1,2", "quiet=true")
    assert told.count("To compare them") == 1
    assert "importing" not in told
    runs = stub.runs()
    assert [run.info.status for run in runs] == ["FINISHED"] * 4
    cores = physical_cores()
    assert {run.data.tags["in_force.threads"] for run in runs} == {str(cores // min(4, cores))}
    for one in runs:
        for other in runs:
            if one is not other and _overlap(one, other):
                assert one.data.tags[Tag.OWN_CPUS] != other.data.tags[Tag.OWN_CPUS]


def _overlap(one: Run, other: Run) -> bool:
    return bool(one.info.start_time < other.info.end_time and other.info.start_time < one.info.end_time)


@launchers
def test_a_job_that_fails_ends_the_sweep_with_status_1(stub: Stub, launcher: str) -> None:
    failing = stub.failing("raise", on="torch")
    told = _told(stub, 1, f"hydra/launcher={launcher}", _locks(stub), "backend=theano,torch", *failing)
    assert told.count("To compare them") == 1
    assert sorted(run.info.status for run in stub.runs()) == ["FAILED", "FINISHED"]


@launchers
def test_a_job_whose_process_is_killed_ends_the_sweep_with_status_1(stub: Stub, launcher: str) -> None:
    sleeping = stub.failing("sleep", on="torch")
    with _started(stub, f"hydra/launcher={launcher}", "backend=theano,torch", *sleeping) as process:
        running = _running(stub, "torch")
        while not any(run.info.status == "FINISHED" for run in stub.runs()):  # joblib ends the jobs beside it, too
            assert process.poll() is None
            time.sleep(0.1)
        os.kill(int(running.data.tags[Tag.OWNER].split(" ")[2]), signal.SIGKILL)
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 1, output + errors
    assert output.count("To compare them") == 1
    statuses = {run.data.tags[Tag.BACKEND]: run.info.status for run in stub.runs()}
    assert statuses["torch"] == "FAILED"  # a killed process cannot say that it was


@launchers
def test_ctrl_c_ends_every_job_as_killed_and_the_same_command_completes_the_sweep(stub: Stub, launcher: str) -> None:
    sweep = (f"hydra/launcher={launcher}", "label=a,b", "backend=torch,theano", *stub.waiting())
    with _started(stub, *sweep) as process:
        _running(stub, "torch", "theano") if physical_cores() > 1 else _running(stub, "torch")
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the command and to all its jobs
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 130, output + errors
    assert "same command again" in output
    assert {run.info.status for run in stub.runs()} == {"KILLED"}
    assert not [one for one in psutil.process_iter() if str(stub.folder) in " ".join(_command(one))]
    (stub.folder / "open").touch()
    assert "the same command" not in _told(stub, 0, *sweep, _locks(stub))
    finished = [run for run in stub.runs() if run.info.status == "FINISHED"]
    assert len(finished) == 4


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _started(stub: Stub, *arguments: str) -> "subprocess.Popen[str]":
    """Start a sweep in a process group of its own, as a shell does."""
    command = [sys.executable, *stub.command("-m", _locks(stub), *arguments)]
    return subprocess.Popen(
        command, cwd=stub.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )


def _running(stub: Stub, *backends: str) -> Run:
    """Wait until runs of some backends are RUNNING, and return that of the first."""
    deadline = time.monotonic() + 300
    while True:
        assert time.monotonic() < deadline
        found = {run.data.tags[Tag.BACKEND]: run for run in stub.runs() if run.info.status == "RUNNING"}
        if found.keys() >= set(backends):
            return found[backends[0]]
        time.sleep(0.1)


@joblib
def test_twelve_jobs_share_four_gpus_never_two_on_one_and_rounds_stay_apart(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "stub" / "played"))
    monkeypatch.setenv("KERASBENCH_PLAYED_GPUS", "4")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    write_gpu_environment("torch", "cuda13", stub.shared_folders[0])
    told = _told(
        stub, 0, "hydra/launcher=joblib", "hydra.launcher.n_jobs=4", _locks(stub),
        "launcher.allow_contention=true", "repeats=3", "backend=torch", "label=a,b,c,d", "backend.device=gpu",
        *stub.failing("device"),
    )  # fmt: skip
    runs = stub.runs()
    assert [run.info.status for run in runs] == ["FINISHED"] * 12
    on = {number: [run for run in runs if run.data.tags[Tag.OWN_GPU] == number] for number in "0123"}
    assert all(on.values())
    assert sum(map(len, on.values())) == 12
    for number, some in on.items():
        assert not [pair for pair in pairwise(some) if _overlap(*pair)]
        for run in some:  # what its worker saw
            assert f"sees {number}\n" in stub.artifacts(run)["worker.log"].read_text()
    rounds = [[run for run in runs if run.data.params["seed"] == seed] for seed in "123"]
    assert [len(some) for some in rounds] == [4, 4, 4]
    for earlier, later in pairwise(rounds):
        assert max(run.info.end_time for run in earlier) <= min(run.info.start_time for run in later)
    if physical_cores() < 4:  # they share the cores
        assert all("4 jobs at once" in run.data.tags[Tag.NOISE] for run in runs)
        assert "Not judged" in told
