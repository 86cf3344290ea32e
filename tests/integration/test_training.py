"""Training on the real backends: what is stored of a successful and of a failed run."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from kerasbench.config.schema import TrackingConfig
from kerasbench.store.tracking import open_store
from tests.conftest import Train, runs_in, theano

pytestmark = pytest.mark.slow

Start = Callable[..., "subprocess.Popen[bytes]"]

BACKENDS = {"tensorflow": "2.21.0", "cntk": "2.7", "theano": "1.0.5"}


def runs_of(store: str) -> dict[str, Run]:
    """Return each backend's newest run."""
    return {run.data.tags["backend"]: run for run in reversed(runs_in(store))}


@theano
def test_a_sweep_trains_every_backend_for_real_and_keeps_all_of_it(train: Train, store: str) -> None:
    done = train("-m", f"backend={','.join(BACKENDS)}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "viewStateShareKey=" in done.stdout
    assert "digits-stand-in" in done.stdout
    runs = runs_of(store)
    client = MlflowClient(store)
    assert {name: run.data.tags["backend.version"] for name, run in runs.items()} == BACKENDS
    for name, run in runs.items():
        assert run.info.status == "FINISHED"
        for metric in ("epoch_seconds", "validation_seconds", "loss", "accuracy", "val_loss", "val_accuracy",
                       "examples_per_second"):  # fmt: skip
            history = client.get_metric_history(run.info.run_id, metric)
            assert [point.step for point in history] == [1, 2], metric
            assert all(point.value > 0 for point in history), metric
        assert run.data.metrics["val_accuracy"] > 0.3  # ten classes: it has learnt something
        for metric in ("import_seconds", "build_seconds", "first_epoch_seconds", "steady_epoch_seconds",
                       "compile_seconds", "total_seconds", "peak_rss_mib"):  # fmt: skip
            assert metric in run.data.metrics
        assert run.data.params["backend.name"] == name
        assert run.data.tags["data.source"] == "embedded"
        assert run.data.tags["hardware.gpu"]
        assert run.inputs is not None
        assert run.inputs.dataset_inputs[0].dataset.name == "digits-stand-in"
        artifacts = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
        assert artifacts == {"config.yaml", "packages.txt", "worker.log"}
    assert len({run.data.tags["sweep"] for run in runs.values()}) == 1
    assert len({run.data.tags["data.digest"] for run in runs.values()}) == 1


def test_a_single_run_is_one_run_of_another_model(train: Train, store: str) -> None:
    done = train("backend=cntk", "model=mnist_cnn", "trainer.epochs=1", "data.train_samples=128")
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = runs_of(store).values()
    assert run.data.tags["model"] == "mnist_cnn"


@theano
def test_a_worker_that_raises_gives_a_failed_run_with_its_reason_and_the_sweep_goes_on(
    train: Train, store: str
) -> None:
    done = train("-m", "backend=cntk,theano", "model.build.units=-3,16", "trainer.epochs=1")
    assert done.returncode == 1
    client = MlflowClient(store)
    runs = runs_in(store)
    assert sorted(run.info.status for run in runs) == ["FAILED", "FAILED", "FINISHED", "FINISHED"]
    for run in runs:
        if run.info.status == "FAILED":
            assert "Error" in run.data.tags["failure"]
            assert run.data.tags["failure"] in " ".join(done.stdout.split())
            assert "worker.log" in {artifact.path for artifact in client.list_artifacts(run.info.run_id)}


@pytest.fixture
def start(
    command: Callable[..., list[str]], tmp_path: Path, store: str
) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Start train.py with an existing store: opening a store while another process creates it corrupts it."""
    open_store(TrackingConfig(store, str(tmp_path / "artifacts"), "keras-backends"))
    started = []

    def run(*arguments: str) -> "subprocess.Popen[bytes]":
        started.append(subprocess.Popen(command(*arguments), cwd=tmp_path))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait()


def _worker_of(process: "subprocess.Popen[bytes]") -> psutil.Process:
    """Wait for the driver's worker and return it."""
    parent = psutil.Process(process.pid)
    while process.poll() is None:
        for child in parent.children():
            with contextlib.suppress(psutil.Error):  # it may have ended meanwhile
                if any(part.endswith("worker/start.py") for part in child.cmdline()):
                    return child
        time.sleep(0.05)
    raise AssertionError("the driver ended without a worker")


def _wait_for_an_epoch(store: str, epochs: str) -> None:
    """Wait until the store shows an epoch of the run of so many epochs, which is still in progress."""
    deadline = time.time() + 120
    while time.time() < deadline:
        time.sleep(0.3)
        runs = {run.data.params["trainer.epochs"]: run for run in runs_in(store) if "val_accuracy" in run.data.metrics}
        if epochs in runs and runs[epochs].info.status == "RUNNING":
            return
    raise AssertionError("no epoch appeared in the store while the training went on")


def test_theano_without_a_compiler_is_a_failed_run_and_not_a_slow_one(train: Train, store: str) -> None:
    done = train("backend=theano", "backend.variables.THEANO_FLAGS='device=cpu,floatX=float32,cxx='")
    assert done.returncode == 1
    (run,) = runs_in(store)
    assert run.info.status == "FAILED"
    assert "Theano finds no C++ compiler: put g++ on the PATH" in run.data.tags["failure"]


def test_a_killed_worker_is_a_failed_run_that_names_the_signal(start: Start, store: str) -> None:
    driver = start("-m", "backend=cntk", "trainer.epochs=4,2000,3")
    _wait_for_an_epoch(store, "2000")
    _worker_of(driver).kill()
    assert driver.wait(300) == 1
    runs = {run.data.params["trainer.epochs"]: run for run in runs_in(store)}
    assert {epochs: run.info.status for epochs, run in runs.items()} == {
        "4": "FINISHED",
        "2000": "FAILED",
        "3": "FINISHED",
    }
    assert runs["2000"].data.tags["failure"] == "the worker was killed by signal 9 (SIGKILL)"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_driver_ends_its_worker_and_marks_the_run_killed(start: Start, store: str, number: int) -> None:
    driver = start("-m", "backend=cntk,theano", "trainer.epochs=2000")
    worker = _worker_of(driver)
    _wait_for_an_epoch(store, "2000")
    os.kill(driver.pid, number)
    assert driver.wait(30) == 130
    assert not worker.is_running()
    assert {name: run.info.status for name, run in runs_of(store).items()} == {"cntk": "KILLED"}


def test_a_killed_driver_takes_its_worker_with_it(start: Start, store: str) -> None:
    driver = start("backend=cntk", "trainer.epochs=2000")
    worker = _worker_of(driver)
    _wait_for_an_epoch(store, "2000")
    driver.kill()
    driver.wait(30)
    psutil.wait_procs([worker], timeout=15)
    assert not worker.is_running()


@theano
def test_offline_and_without_data_the_sweep_trains_on_the_stand_in_and_says_so(
    offline: None, train: Train, store: str, tmp_path: Path
) -> None:
    done = train("-m", "backend=cntk,theano", "data.source=auto", f"data.cache={tmp_path}/empty", "trainer.epochs=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "training on the stand-in digits-stand-in" in done.stdout
    assert {run.data.tags["data.source"] for run in runs_of(store).values()} == {"embedded"}


@pytest.mark.thorough
@theano
def test_each_backend_obeys_its_settings_starts_from_the_shared_weights_and_repeats_a_seed_dropout_included(
    train: Train, store: str
) -> None:
    backends = "tensorflow,jax,torch,tensorflow1,cntk,theano,mxnet"
    done = train("-m", f"backend={backends}", "label=first,second", "settings.threads=1", "trainer.epochs=1")
    assert done.returncode == 0, done.stdout
    runs = runs_in(store)
    assert {run.data.tags["in_force.threads"] for run in runs} == {"1"}
    assert {run.data.tags["in_force.precision"] for run in runs} == {"float32"}
    assert {run.data.tags["in_force.image_layout"] for run in runs} == {"channels_last"}
    probes = [run.data.metrics["parity_probe_loss"] for run in runs]
    assert probes == pytest.approx([probes[0]] * 14, rel=1e-5)
    losses: dict[str, list[float]] = {}
    for run in runs:
        losses.setdefault(run.data.tags["backend"], []).append(run.data.metrics["loss"])
    assert len(losses) == 7
    for backend, (first, second) in losses.items():
        assert first == pytest.approx(second, rel=1e-5), backend


def test_cntks_accuracy_counts_the_last_batch(train: Train, store: str) -> None:
    """Without the fix cntk_metrics, a test set of one batch has an accuracy of 0."""
    train("backend=cntk", "backend.fixes=[]", "data.test_samples=128", "trainer.batch_size=128")
    assert runs_of(store)["cntk"].data.metrics["val_accuracy"] == 0
    train("backend=cntk", "data.test_samples=128", "trainer.batch_size=128")
    assert runs_of(store)["cntk"].data.metrics["val_accuracy"] > 0.3
