"""A store behind MLflow's server tells the same as the database that it serves."""

from collections.abc import Iterator

import pytest
from mlflow import MlflowClient

from kerasbench.report import collect
from kerasbench.report.formats import as_csv, as_json
from kerasbench.store import ui
from tests.report.conftest import Experiment

pytestmark = pytest.mark.slow


@pytest.fixture
def server(filled: Experiment) -> Iterator[str]:
    """The address of a server of the filled experiment's store."""
    client = MlflowClient(filled.uri)
    known = client.get_experiment_by_name(filled.name)
    assert known is not None
    with ui.serving(ui.Store(filled.uri, client, known.experiment_id), port=0) as (address, _):
        yield address


def test_a_server_tells_the_same_as_its_database(
    filled: Experiment, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_by_one(*arguments: object) -> None:
        raise AssertionError("a call for each run")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "get_metric_history", one_by_one)
        for sweeps in ((), ("s1",)):
            assert as_json(collect(server, filled.name, sweeps)) == as_json(collect(filled.uri, filled.name, sweeps))


def test_a_server_without_the_bulk_call_is_asked_run_by_run(
    filled: Experiment, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kerasbench.store.reading._BULK_ROUTE", "/ajax-api/2.0/mlflow/no-such-call")
    assert as_csv(collect(server, filled.name)) == as_csv(collect(filled.uri, filled.name))
