"""What the report reads from a store: one of an earlier version of this project, and values of every kind."""

import gzip
import math
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from kerasbench.config.schema import TrackingConfig
from kerasbench.report import collect, tables
from kerasbench.store import reference
from kerasbench.store.reading import read
from kerasbench.store.tracking import TrackedRun, open_store
from kerasbench.terminal.errors import UserError
from kerasbench.vocabulary import Tag
from tests.conftest import runs_in

# `python train.py -m backend=tensorflow,cntk,theano trainer.epochs=2 repeats=2` at commit a8a82f8, on two CPU cores:
# the database as `sqlite3.Connection.iterdump` gives it, with {folder} for the folder that it was in.
SAVED = Path(__file__).parent.parent / "recordings" / "store-a8a82f8.sql.gz"
SWEEP = "20261126-110519-168d"
METRICS = ("epoch_seconds", "validation_seconds", "elapsed_seconds", "loss", "val_loss", "val_accuracy")
STEADY = {
    "tensorflow": [3.2833799149999834, 3.1617228899999645],
    "cntk": [6.961967927000018, 12.33517323000001],
    "theano": [14.305298158000028, 8.89716205000002],
}
FINAL_ACCURACY = {
    "tensorflow": [0.9749000072479248, 0.9735000133514404],
    "cntk": [0.9738999605178833, 0.9711999893188477],
    "theano": [0.9728000164031982, 0.9746999740600586],
}


@pytest.fixture
def saved(tmp_path: Path) -> TrackingConfig:
    """The saved store, restored."""
    (tmp_path / "mlruns").mkdir()
    script = gzip.decompress(SAVED.read_bytes()).decode().replace("{folder}", str(tmp_path))
    with closing(sqlite3.connect(tmp_path / "mlruns" / "mlflow.db")) as database:
        database.executescript(script)
    return TrackingConfig(
        f"sqlite:///{tmp_path}/mlruns/mlflow.db", str(tmp_path / "mlruns" / "artifacts"), "keras-backends"
    )


def test_a_saved_store_is_read_and_tabulated(saved: TrackingConfig) -> None:
    report = collect(saved.uri, saved.experiment)
    (ranking,) = report.rankings
    assert [cell.competitor for cell in ranking.cells] == ["tensorflow", "cntk", "theano"]
    assert {cell.backend: cell.samples for cell in ranking.cells} == STEADY
    assert {cell.backend: cell.values("val_accuracy") for cell in ranking.cells} == FINAL_ACCURACY
    for run in report.runs:
        assert run.tags[Tag.SWEEP] == SWEEP
        assert {metric: [*values] for metric, values in run.histories.items()} == {one: [1, 2] for one in METRICS}
    assert len(list(tables(report))) > 0


def test_a_saved_sweep_is_found_by_its_id(saved: TrackingConfig) -> None:
    assert len(read(saved.uri, saved.experiment, [SWEEP])) == 6 + 1  # the report's own run
    for unknown in ("no-such-sweep", "quoted' sweep"):
        with pytest.raises(UserError, match=f"no run of sweep {unknown}"):
            read(saved.uri, saved.experiment, [unknown])


@pytest.mark.parametrize(("changed", "rankings"), [({}, 1), ({Tag.COMPARISON_HASH: "of other settings"}, 2)])
def test_a_new_run_in_a_saved_store_is_ranked_with_its_runs_if_their_settings_are_equal(
    saved: TrackingConfig, changed: dict[str, str], rankings: int
) -> None:
    example = next(run for run in runs_in(saved.uri) if run.data.tags["backend"] == "cntk")
    tags = {key: value for key, value in example.data.tags.items() if not key.startswith("mlflow.")}
    with TrackedRun(open_store(saved), "cntk · mnist_mlp · seed 3", tags | changed) as tracked:
        tracked.params(example.data.params | {"seed": "3"})
        for epoch, seconds in ((1, 9.0), (2, 8.0)):
            tracked.metrics({"epoch_seconds": seconds, "loss": 0.1, "val_accuracy": 0.97}, step=epoch)
        tracked.metrics({"steady_epoch_seconds": 8.0})
        tracked.text("kept", "note.txt")
    report = collect(saved.uri, saved.experiment)
    assert len(report.rankings) == rankings
    found = [cell.samples for ranking in report.rankings for cell in ranking.cells if cell.backend == "cntk"]
    assert sorted(found) == sorted([STEADY["cntk"] + [8.0]] if rankings == 1 else [[8.0], STEADY["cntk"]])


@pytest.mark.slow
def test_published_figures_are_imported_into_a_saved_store(saved: TrackingConfig) -> None:
    assert reference.import_into(saved.uri, saved.experiment) == (len(reference.references()), 0)
    report = collect(saved.uri, saved.experiment)
    assert len(report.references) == len(reference.references())
    assert {run.backend for run in report.rankings[0].references} == {
        "tensorflow",
        "cntk",
        "theano",
        "mxnet",
        "unknown",
    }


def test_values_that_are_no_finite_numbers_are_read_back(store: str, tmp_path: Path) -> None:
    tracking = TrackingConfig(store, str(tmp_path / "artifacts"), "tests")
    with TrackedRun(open_store(tracking), "run", {Tag.TASK: "train"}) as tracked:
        for epoch, loss in enumerate((0.5, math.nan, math.inf, -math.inf, math.nan), start=1):
            tracked.metrics({"loss": loss, "epoch_seconds": 1.0}, step=epoch)
    history = MlflowClient(store).get_metric_history(tracked.run_id, "loss")
    assert [metric.value for metric in sorted(history, key=lambda metric: metric.step)] == pytest.approx(
        [0.5, math.nan, 1.7976931348623157e308, -1.7976931348623157e308, math.nan], nan_ok=True
    )
    (run,) = read(store, "tests", [])
    assert math.isnan(run.metrics["loss"])
    assert run.diverged
    assert [math.isnan(loss) for loss in run.losses] == [False, True, False, False, True]


def test_of_two_values_of_an_epoch_the_newer_counts(store: str, tmp_path: Path) -> None:
    client, experiment_id = open_store(TrackingConfig(store, str(tmp_path / "artifacts"), "tests"))
    with TrackedRun((client, experiment_id), "run", {Tag.TASK: "train"}) as tracked:
        for timestamp, value in ((2000, 1.0), (1000, 3.0)):
            client.log_metric(tracked.run_id, "epoch_seconds", value, timestamp=timestamp, step=1)
    (run,) = read(store, "tests", [])
    assert run.by_epoch("epoch_seconds") == (1.0,)


def test_a_thousand_runs_and_more_are_read_whole(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Queries for many runs are split; here after every two runs."""
    monkeypatch.setattr("kerasbench.store.reading._RUNS_PER_QUERY", 2)
    opened = open_store(TrackingConfig(store, str(tmp_path / "artifacts"), "tests"))
    for number in range(5):
        with TrackedRun(opened, f"run {number}", {Tag.TASK: "train"}) as tracked:
            tracked.metrics({"epoch_seconds": float(number)}, step=1)
    assert sorted(run.by_epoch("epoch_seconds") for run in read(store, "tests", [])) == [
        (float(number),) for number in range(5)
    ]
