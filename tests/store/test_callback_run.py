"""The run of a `fit` in a user's own process."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from kerasbench.config.schema import TrackingConfig
from kerasbench.store.callback_run import Attached
from kerasbench.store.tracking import TrackedRun
from kerasbench.terminal.errors import UserError

TAGS = {"task": "train", "backend": "jax", "model": "mine", "competitor": "jax"}
Attach = Callable[..., Attached]


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def attach(store: str, tmp_path: Path, warnings: list[str]) -> Attach:
    """Attach to a run of the test's own store."""
    config = TrackingConfig(store, str(tmp_path / "artifacts"), "mine", 30.0)

    def attached(run_id: str | None = None, may_be_active: bool = True) -> Attached:
        return Attached(config, run_id, may_be_active, TAGS, {"owner": "this process"}, warnings.append)

    return attached


@pytest.fixture
def active(store: str) -> Iterator[str]:
    """MLflow's active run, in the test's own store."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(store)
    with mlflow.start_run() as run:
        yield run.info.run_id
    mlflow.set_tracking_uri(before)


def _train(attached: Attached, *seconds: float) -> None:
    for number, spent in enumerate(seconds):
        elapsed = attached.elapsed_seconds + spent
        attached.epoch(number, number, {"epoch_seconds": spent, "elapsed_seconds": elapsed, "loss": 1.0})


def _kept(store: str, run_id: str) -> tuple[Run, list[tuple[int, float]]]:
    client = MlflowClient(store)
    history = client.get_metric_history(run_id, "epoch_seconds")
    return client.get_run(run_id), sorted((one.step, one.value) for one in history)


def test_a_new_run_is_created_and_finished(attach: Attach, store: str, warnings: list[str]) -> None:
    attached = attach()
    attached.params({"trainer.epochs": "2"})
    _train(attached, 3.0, 2.0)
    attached.settle()
    assert _kept(store, attached.run_id)[1] == [(1, 3.0), (2, 2.0)]
    attached.end()
    run, _ = _kept(store, attached.run_id)
    assert (run.info.status, run.data.params) == ("FINISHED", {"trainer.epochs": "2"})
    assert run.data.tags | TAGS | {"owner": "this process"} == run.data.tags
    assert warnings == []


@pytest.mark.parametrize(
    ("error", "status", "failure"),
    [
        (ValueError("a bad batch"), "FAILED", "ValueError: a bad batch"),
        (None, "FAILED", "fit raised an error, or did not return"),
        (KeyboardInterrupt(), "KILLED", None),
    ],
)
def test_a_fit_that_did_not_return_ends_its_run(
    attach: Attach, store: str, error: BaseException | None, status: str, failure: str | None
) -> None:
    attached = attach()
    attached.fail(error)
    run, _ = _kept(store, attached.run_id)
    assert (run.info.status, run.data.tags.get("failure")) == (status, failure)


def test_the_active_run_is_used_and_stays_open_and_a_second_fit_counts_on(
    attach: Attach, active: str, store: str
) -> None:
    for epochs in ((3.0, 2.0), (5.0,)):
        attached = attach()
        attached.params({"trainer.epochs": str(len(epochs))})  # MLflow refuses to change one
        _train(attached, *epochs)
        attached.end()
        assert attached.run_id == active
    assert attached.epoch_seconds == [3.0, 2.0, 5.0]
    run, kept = _kept(store, active)
    assert kept == [(1, 3.0), (2, 2.0), (3, 5.0)]
    assert (run.info.status, run.data.tags["model"]) == ("RUNNING", "mine")
    fits = MlflowClient(store).get_metric_history(active, "fit")
    assert sorted((one.step, one.value) for one in fits) == [(1, 0), (2, 0), (3, 1)]
    assert run.data.metrics["elapsed_seconds"] == 10.0
    active_run = mlflow.active_run()
    assert active_run is not None
    assert active_run.info.run_id == active


def test_a_named_store_or_run_goes_before_the_active_run(attach: Attach, active: str, store: str) -> None:
    own = attach(may_be_active=False)
    own.end()
    assert own.run_id != active
    named = attach(run_id=own.run_id)
    named.fail(ValueError("of the second fit"))
    assert named.run_id == own.run_id
    assert _kept(store, own.run_id)[0].info.status == "FINISHED"  # its owner ended it


def test_a_run_that_does_not_exist_is_one_line(attach: Attach) -> None:
    with pytest.raises(UserError, match="nosuch"):
        attach(run_id="nosuch")


def test_a_store_that_fails_holds_up_no_training(
    attach: Attach, monkeypatch: pytest.MonkeyPatch, warnings: list[str]
) -> None:
    monkeypatch.setattr("kerasbench.store.callback_run._FAILING_SECONDS", 0.1)
    monkeypatch.setattr("kerasbench.store.callback_run._SETTLE_SECONDS", 0.1)

    def gone(*arguments: object, **named: object) -> None:
        raise UserError("the store is gone")

    attached = attach()
    monkeypatch.setattr(TrackedRun, "metrics", gone)
    began = time.monotonic()
    for _ in range(20):
        _train(attached, 1.0)
        attached.settle()
    attached.end()
    assert time.monotonic() - began < 5
    (line,) = warnings
    assert "the store is gone" in line
