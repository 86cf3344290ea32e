"""A tracking server that goes away, fails or is slow while a model trains: the training does not notice."""

from collections.abc import Iterator

import pytest

from kerasbench.store import access
from kerasbench.store.record import EVENTS, Record
from tests.faults.conftest import EPOCHS, KEPT_LOCALLY, Aftermath, train_through
from tests.faults.server import Proxy, Server
from tests.stub.driver import Stub

pytestmark = [pytest.mark.slow, pytest.mark.thorough]


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    """A proxy in front of the server."""
    between = Proxy(server.port)
    yield between
    between.close()


def _all(aftermath: Aftermath) -> bool:
    return aftermath.epochs(aftermath.runs()[-1]) == list(range(1, EPOCHS + 1))


def test_a_server_that_is_killed_costs_no_epoch(stub: Stub, server: Server, aftermath: Aftermath) -> None:
    aftermath.uri = server.uri
    assert KEPT_LOCALLY in train_through(stub, server.kill, f"tracking.uri={server.uri}")
    server.start()
    assert not _all(aftermath)  # the next command hands it on


def test_a_server_that_is_killed_and_restarted_has_it_all_at_the_end(
    stub: Stub, server: Server, aftermath: Aftermath
) -> None:
    def restart() -> None:
        server.kill()
        server.start()

    aftermath.uri = server.uri
    train_through(stub, restart, f"tracking.uri={server.uri}", "tracking.patience_seconds=90")
    assert _all(aftermath)


@pytest.mark.parametrize("fault", ["500", "401", "html", "drop", "slow"])
def test_a_server_that_begins_to_fail_neither_ends_nor_slows_a_training(
    stub: Stub, proxy: Proxy, aftermath: Aftermath, fault: str
) -> None:
    def fail() -> None:
        proxy.fault = fault

    printed = train_through(stub, fail, f"tracking.uri={proxy.uri}")
    proxy.fault = ""
    assert KEPT_LOCALLY in printed
    assert proxy.failed
    assert not _all(aftermath)  # the next command hands it on
    assert EPOCHS * 4 * 0.01 < _training_seconds(stub) < 8  # 40 epochs of four batches that sleep


def _training_seconds(stub: Stub) -> float:
    """Return how long the epochs took, from the record of the run."""
    (record,) = stub.folder.rglob(EVENTS)
    ats = [one["at"] for one in Record(record.parent).operations() if one.get("step")]
    return float(ats[-1] - ats[0]) / 1000


@pytest.mark.parametrize("fault", ["500", "401", "html", "drop", "slow"])
def test_a_server_that_fails_at_the_start_is_one_line_before_anything_is_trained(
    stub: Stub, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(access, "ANSWER_SECONDS", 1.0)  # it waits for 10
    proxy.fault = fault
    done = stub.train("-m", "backend=torch", f"tracking.uri={proxy.uri}")
    assert done.returncode == 2
    assert proxy.uri in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(stub.folder.rglob("events.jsonl"))
    proxy.fault = ""
