"""What is written to MLflow, read back through MLflow's own client."""

import multiprocessing
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from kerasbench.config.schema import TrackingConfig
from kerasbench.data import PreparedData
from kerasbench.store.access import sqlite_file
from kerasbench.store.tracking import TrackedRun, open_store
from tests.conftest import runs_in


@pytest.fixture
def tracking(store: str, tmp_path: Path) -> TrackingConfig:
    return TrackingConfig(uri=store, artifacts=str(tmp_path / "artifacts"), experiment="tests")


def _only_run(config: TrackingConfig) -> Run:
    (run,) = runs_in(config.uri, "tests")
    return run


def test_metrics_params_tags_data_set_and_artifacts_are_kept(tracking: TrackingConfig, tmp_path: Path) -> None:
    data = PreparedData("/data/mnist.npz", "mnist", "real", "ab" * 32, ("image",), 10, 60000, 10000)
    with TrackedRun(open_store(tracking), "theano · mnist_mlp", {"backend": "theano"}) as tracked:
        tracked.params({f"setting.{number}": str(number) for number in range(150)})
        tracked.metrics({"loss": 0.5}, step=1)
        tracked.metrics({"loss": 0.25}, step=2)
        tracked.dataset(data)
        tracked.text("a: 1", "config.yaml")
    run = _only_run(tracking)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "theano · mnist_mlp"
    assert len(run.data.params) == 150
    assert run.data.tags["backend"] == "theano"
    history = MlflowClient(tracking.uri).get_metric_history(run.info.run_id, "loss")
    assert [(metric.step, metric.value) for metric in history] == [(1, 0.5), (2, 0.25)]
    assert run.inputs is not None
    (kept,) = run.inputs.dataset_inputs
    assert (kept.dataset.name, kept.dataset.digest) == ("mnist", "ab" * 18)
    (artifact,) = MlflowClient(tracking.uri).list_artifacts(run.info.run_id)
    assert artifact.path == "config.yaml"
    assert (tmp_path / "artifacts").is_dir()


def test_an_interrupted_run_is_killed(tracking: TrackingConfig) -> None:
    with pytest.raises(KeyboardInterrupt), TrackedRun(open_store(tracking), "run", {}):
        raise KeyboardInterrupt
    assert _only_run(tracking).info.status == "KILLED"


def test_a_defect_fails_the_run_and_is_its_reason(tracking: TrackingConfig) -> None:
    with pytest.raises(ZeroDivisionError), TrackedRun(open_store(tracking), "run", {}):
        raise ZeroDivisionError("two\nlines")
    assert _only_run(tracking).info.status == "FAILED"
    assert _only_run(tracking).data.tags["failure"] == "ZeroDivisionError: two"


def test_no_password_is_kept_in_a_run(tracking: TrackingConfig, tmp_path: Path) -> None:
    address = "https://user:s3cr3t@host/api"
    log, folder, binary = tmp_path / "worker.log", tmp_path / "plots", tmp_path / "weights.npz"
    log.write_text(f"request to {address} failed")
    folder.mkdir()
    (folder / "plot.svg").write_text("<svg/>")
    binary.write_bytes(b"\xff\xfe\x00")
    with TrackedRun(open_store(tracking), f"jax · label={address}", {"label": address}) as tracked:
        tracked.params({"label": address})
        tracked.tags({"variant": f"label={address}"})
        tracked.text(f"label: {address}\n", "config.yaml")
        for path in (log, folder, binary):
            tracked.artifact(path)
        tracked.fail(f"request to {address} failed")
    run = _only_run(tracking)
    assert run.info.run_name == "jax · label=https://host/api"
    assert run.data.tags["failure"] == "request to https://host/api failed"
    assert "s3cr3t" not in str(run.to_dictionary())
    database = sqlite_file(tracking.uri)
    assert database is not None
    assert b"s3cr3t" not in database.read_bytes()
    kept = {path.name: path.read_bytes() for path in (tmp_path / "artifacts").rglob("*") if path.is_file()}
    assert kept == {
        "config.yaml": b"label: https://host/api\n",
        "worker.log": b"request to https://host/api failed",
        "plot.svg": b"<svg/>",
        "weights.npz": b"\xff\xfe\x00",
    }


def _log_a_run(config: TrackingConfig) -> None:
    with TrackedRun(open_store(config), "run", {}) as tracked:
        tracked.metrics({"loss": 1.0}, step=1)


@pytest.mark.thorough
@pytest.mark.slow
def test_many_processes_may_create_the_store_at_once(new_store: str, tmp_path: Path) -> None:
    tracking = TrackingConfig(new_store, str(tmp_path / "artifacts"), "tests")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_log_a_run, args=(tracking,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 4
    assert len(runs_in(tracking.uri, "tests")) == 4
