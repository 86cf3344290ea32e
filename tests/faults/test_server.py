"""A tracking server that goes away while a model trains: nothing is lost, and the training does not notice."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from kerasbench.paths import PROJECT
from kerasbench.store.ui import _await, _free_port, _start
from kerasbench.vocabulary import Tag
from tests.stub.driver import Stub

pytestmark = pytest.mark.slow

EPOCHS = 400


class Server:
    """A real MLflow server that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.port, self._database, self._log = _free_port(), f"sqlite:///{folder}/server.db", folder / "server.log"
        self.uri = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("w+b") as log:
            self._process = _start(self._database, self.port, log)
            _await(self.uri, self._process, log)

    def stop(self) -> None:
        """End it and its workers."""
        self._process.terminate()
        self._process.wait(30)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that ends with the test; it keeps artifacts in its current folder."""
    monkeypatch.chdir(tmp_path)
    running = Server(tmp_path)
    yield running
    running.stop()


def _epochs(server: Server) -> list[int]:
    client = MlflowClient(server.uri)
    (run,) = client.search_runs([client.get_experiment_by_name("keras-backends").experiment_id])  # type: ignore[union-attr]
    assert run.info.status == "FINISHED", run.data.tags.get(Tag.FAILURE)
    return [point.step for point in client.get_metric_history(run.info.run_id, "epoch_seconds")]


def test_a_server_that_is_killed_costs_no_epoch_and_the_record_is_handed_on_once(stub: Stub, server: Server) -> None:
    driver = stub.start(
        "-m", "backend=torch", f"trainer.epochs={EPOCHS}", f"tracking.uri={server.uri}", "tracking.patience_seconds=1",
    )  # fmt: skip
    record = stub.outputs / "0" / "events.jsonl"
    deadline = time.monotonic() + 120
    while not (record.exists() and record.read_text().count('"step": ') > 20):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    server.stop()
    printed, errors = driver.communicate(timeout=120)
    assert driver.returncode == 0, printed + errors
    assert "kept locally, not yet in the store" in printed
    assert len((printed + errors).splitlines()) < EPOCHS + 60  # no retry fills the terminal
    server.start()
    for handed_on in ("1 runs", "0 runs"):
        done = subprocess.run(
            [sys.executable, "-m", "kerasbench", "sync", str(stub.outputs)],
            cwd=PROJECT, env=os.environ | {"MLFLOW_TRACKING_URI": server.uri},
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert handed_on in done.stdout
    assert _epochs(server) == list(range(1, EPOCHS + 1))
