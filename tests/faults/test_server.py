"""A tracking server that goes away, fails or is slow while a model trains: the training does not notice."""

import subprocess
import time
from collections.abc import Iterator

import pytest

from kerasbench.store import access
from tests.faults.conftest import Aftermath, until
from tests.faults.server import Proxy, Server
from tests.stub.driver import Stub

pytestmark = pytest.mark.slow

_EPOCHS = 300


@pytest.fixture
def proxy(server: Server, aftermath: Aftermath) -> Iterator[Proxy]:
    """A proxy in front of the server; what is lost is looked for behind it."""
    aftermath.uri = server.uri
    between = Proxy(server.port)
    yield between
    between.close()


def _start(stub: Stub, uri: str, *more: str) -> "subprocess.Popen[str]":
    return stub.start(
        "-m", "backend=torch", f"trainer.epochs={_EPOCHS}", f"tracking.uri={uri}", "tracking.patience_seconds=2", *more
    )


def _trains(stub: Stub) -> bool:
    record = stub.outputs / "0" / "events.jsonl"
    return record.exists() and record.read_text().count('"step": ') > 20


def _ended(driver: "subprocess.Popen[str]") -> str:
    printed, errors = driver.communicate(timeout=120)
    assert driver.returncode == 0, printed + errors
    assert len((printed + errors).splitlines()) < _EPOCHS + 60  # no retry fills the terminal
    return str(printed)


def test_a_server_that_is_killed_costs_no_epoch(stub: Stub, server: Server, aftermath: Aftermath) -> None:
    aftermath.uri = server.uri
    driver = _start(stub, server.uri)
    until(lambda: _trains(stub))
    server.kill()
    assert "kept locally, not yet in the store" in _ended(driver)
    server.start()


def test_a_server_that_is_killed_and_restarted_while_a_model_trains_has_it_all_at_the_end(
    stub: Stub, server: Server, aftermath: Aftermath
) -> None:
    aftermath.uri = server.uri
    driver = _start(stub, server.uri, "tracking.patience_seconds=60")
    until(lambda: _trains(stub))
    server.kill()
    server.start()
    assert "kept locally" not in _ended(driver)
    assert aftermath.epochs(aftermath.runs()[-1]) == list(range(1, _EPOCHS + 1))


@pytest.mark.parametrize("fault", ["500", "401", "html", "drop", "slow"])
def test_a_server_that_begins_to_fail_neither_ends_nor_slows_a_training(
    stub: Stub, proxy: Proxy, aftermath: Aftermath, fault: str
) -> None:
    driver = _start(stub, proxy.uri)
    until(lambda: _trains(stub))
    proxy.fault = fault
    failing_at = time.monotonic()
    printed = _ended(driver)
    assert proxy.failed
    assert "kept locally, not yet in the store" in printed
    assert time.monotonic() - failing_at < 45
    proxy.fault = ""


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
