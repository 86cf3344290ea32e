"""A store's report is the same whether read through MLflow's server or directly from the database."""

import math
from collections.abc import Iterator

import pytest
from mlflow import MlflowClient

from kerasbench.config.schema import TrackingConfig
from kerasbench.report import collect
from kerasbench.report.formats import as_csv, as_json
from kerasbench.store import ui
from kerasbench.store.reading import read
from kerasbench.store.tracking import TrackedRun, open_store
from kerasbench.terminal.errors import UserError
from tests.report.conftest import Experiment

pytestmark = [pytest.mark.slow, pytest.mark.thorough]


@pytest.fixture
def server(filled: Experiment) -> Iterator[str]:
    """The address of an MLflow server for the filled experiment's store."""
    client = MlflowClient(filled.uri)
    known = client.get_experiment_by_name(filled.name)
    assert known is not None
    with ui.serving(ui.Store(filled.uri, client, known.experiment_id), port=0) as (address, _):
        yield address


def test_the_report_through_a_server_equals_the_report_of_its_database_and_takes_no_call_for_each_run(
    filled: Experiment, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_by_one(*arguments: object) -> None:
        raise AssertionError("a call for each run")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "get_metric_history", one_by_one)
        for sweeps in ((), ("s1",)):
            assert as_json(collect(server, filled.name, sweeps)) == as_json(collect(filled.uri, filled.name, sweeps))


def test_a_server_without_the_bulk_call_is_read_run_by_run(
    filled: Experiment, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kerasbench.store.reading._BULK_ROUTE", "/ajax-api/2.0/mlflow/no-such-call")
    assert as_csv(collect(server, filled.name)) == as_csv(collect(filled.uri, filled.name))


def test_an_answer_that_the_server_had_to_cut_is_not_taken_for_the_whole(
    filled: Experiment, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = as_json(collect(filled.uri, filled.name))
    monkeypatch.setattr("kerasbench.store.reading._VALUES_PER_REQUEST", 5)  # fewer than the runs have
    assert as_json(collect(server, filled.name)) == expected


def test_an_answer_that_was_cut_is_asked_for_in_halves_and_not_run_by_run(
    filled: Experiment, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = as_json(collect(filled.uri, filled.name))
    epochs = max(len(run.by_epoch("epoch_seconds")) for run in read(server, filled.name, []))
    monkeypatch.setattr("kerasbench.store.reading._VALUES_PER_REQUEST", 2 * epochs + 1)

    def one_by_one(*arguments: object) -> None:
        raise AssertionError("a call for each run")

    monkeypatch.setattr(MlflowClient, "get_metric_history", one_by_one)
    assert as_json(collect(server, filled.name)) == expected


def test_a_server_is_opened_and_written(filled: Experiment, server: str) -> None:
    config = TrackingConfig(server, "unused", "through a server")
    for _ in range(2):  # the experiment is new, then known
        with TrackedRun(open_store(config, artifacts=False), "run", {"task": "train"}) as tracked:
            tracked.metrics({"epoch_seconds": 1.0, "loss": math.nan}, step=1)
    runs = read(server, "through a server", [])
    assert [run.by_epoch("epoch_seconds") for run in runs] == [(1.0,), (1.0,)]
    assert [math.isnan(loss) for run in runs for loss in run.losses] == [True, True]
    with pytest.raises(UserError, match="has no experiment"):
        read(server, "unknown", [])
