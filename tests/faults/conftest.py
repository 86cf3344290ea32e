"""What every fault test checks at its end, and the sums that `make faults` prints."""

import contextlib
import ctypes
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Run

from kerasbench import lease
from kerasbench.process import guardian
from kerasbench.store import sync
from kerasbench.store.access import sqlite_file
from kerasbench.store.record import EVENTS, Record
from kerasbench.vocabulary import Metric, Tag
from tests.faults.server import Server
from tests.stub.driver import Stub

_SET_CHILD_SUBREAPER = 36  # prctl: orphans become children of this process, where they are found
_EPOCH = re.compile(rb"^\[double\] epoch (\d+) is over$", re.MULTILINE)
_SECONDS_TO_END = 10.0
EPOCHS = 40
KEPT_LOCALLY = "kept locally, not yet in the store"


def _is_held(file: Path) -> bool:
    """Return whether a lease keeps others waiting, as that of a process that was killed must not."""
    until = time.monotonic() + 5
    try:
        with lease.held(file.parent, file.stem.removeprefix("."), cancelled=lambda: time.monotonic() > until):
            return False
    except OSError:
        return True


@dataclass
class Sums:
    """What all tests found together."""

    runs_lost: int = 0
    epochs_lost: int = 0
    wrongly_finished: int = 0
    left_running: int = 0
    orphans: int = 0
    locks_left: int = 0


_sums = Sums()


@dataclass
class Aftermath:
    """What a fault leaves behind, after the next command has had its turn.

    Attributes:
        folder: holds the outputs of all runs.
        uri: the store.
        experiment: the runs' experiment in it.
        driver_killed: whether a driver got a SIGKILL: what a worker had sent and the driver not yet read is then lost.
        shared: folders whose locks are checked, too.
    """

    folder: Path
    uri: str = ""
    experiment: str = "keras-backends"
    driver_killed: bool = False
    shared: list[Path] = field(default_factory=list)

    def runs(self) -> list[Run]:
        """Return the store's runs, oldest first."""
        client = MlflowClient(self.uri)
        experiment = client.get_experiment_by_name(self.experiment)
        return list(client.search_runs([experiment.experiment_id], order_by=["start_time"])) if experiment else []

    def epochs(self, run: Run) -> list[int]:
        """Return the epochs that the store has of a run, each as often as it has it."""
        points = MlflowClient(self.uri).get_metric_history(run.info.run_id, Metric.EPOCH_SECONDS)
        return sorted(point.step for point in points)

    def history(self, run: Run, metric: str) -> dict[int, float]:
        """Return a metric's value at each step."""
        points = MlflowClient(self.uri).get_metric_history(run.info.run_id, metric)
        return {point.step: point.value for point in points}

    def check(self, before: set[psutil.Process]) -> None:
        """Count what is lost or left, and assert that it is nothing."""
        found = Sums(orphans=len(_orphans(before)), locks_left=self._locks())
        if self.uri:
            with pytest.MonkeyPatch.context() as patched, contextlib.suppress(SystemExit):
                patched.setenv("MLFLOW_TRACKING_URI", self.uri)
                sync.main([str(self.folder)])  # as the next command does
            self._count_runs(found)
        for name, count in vars(found).items():
            setattr(_sums, name, getattr(_sums, name) + count)
        assert found == Sums()

    def _count_runs(self, found: Sums) -> None:
        runs = {run.data.tags.get(Tag.RECORD, run.info.run_id): run for run in self.runs()}
        for run in runs.values():
            found.left_running += run.info.status == "RUNNING"
            if run.info.status == "FINISHED" and Tag.KIND not in run.data.tags:
                asked = list(range(1, int(run.data.params["trainer.epochs"]) + 1))
                found.wrongly_finished += self.epochs(run) != asked or Tag.FAILURE in run.data.tags
        for events in self.folder.rglob(EVENTS):
            operations = Record(events.parent).operations()
            if not operations:
                continue
            known = runs.get(operations[0]["tags"][Tag.RECORD])
            found.runs_lost += known is None
            finished = {one["step"] for one in operations if Metric.EPOCH_SECONDS in one.get("metrics", {})}
            if not self.driver_killed:
                log = events.with_name("worker.log").read_bytes()
                finished |= {int(number) for number in _EPOCH.findall(log)}
            found.epochs_lost += len(finished - set(self.epochs(known) if known else ()))

    def _locks(self) -> int:
        held = 0
        for folder in (self.folder, *self.shared):
            for path in folder.rglob("*.lock"):
                try:
                    FileLock(path).acquire(timeout=0).lock.release()
                except OSError:
                    held += 1
            held += sum(map(_is_held, folder.rglob("*.lease")))
        database = sqlite_file(self.uri) if self.uri else None
        if database and database.exists():
            with contextlib.closing(sqlite3.connect(database, timeout=2, isolation_level=None)) as connection:
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    connection.execute("ROLLBACK")
                except sqlite3.OperationalError:
                    held += 1
        return held


def _children() -> set[psutil.Process]:
    own = guardian._own._process
    return {one for one in psutil.Process().children(recursive=True) if own is None or one.pid != own.pid}


def _orphans(before: set[psutil.Process]) -> list[psutil.Process]:
    """Return the processes that were started since and do not end by themselves; kill them."""
    deadline = time.monotonic() + _SECONDS_TO_END
    while (left := _children() - before) and time.monotonic() < deadline:
        for one in left:
            with contextlib.suppress(psutil.NoSuchProcess, ChildProcessError):
                if one.status() == psutil.STATUS_ZOMBIE:
                    os.waitpid(one.pid, os.WNOHANG)
        time.sleep(0.02)
    for one in left:
        print("orphan:", one)
        one.kill()
    return list(left)


@pytest.fixture(autouse=True)
def aftermath(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Aftermath]:
    """Check at the test's end that nothing is lost and nothing is left."""
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # The server starts before this fixture and ends after it.
    server: Server | None = request.getfixturevalue("server") if "server" in request.fixturenames else None
    found = Aftermath(tmp_path)
    if "stub" in request.fixturenames:
        stub: Stub = request.getfixturevalue("stub")
        found.uri, found.shared = stub.store, stub.shared_folders
    if "proxy" in request.fixturenames:
        found.uri = request.getfixturevalue("proxy").uri
    before = _children()
    yield found
    found.check(before | (server.processes() if server else set()))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real MLflow server for all tests of faults."""
    running = Server(tmp_path_factory.mktemp("server"))
    yield running
    running.stop()


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it has not come about"
        time.sleep(0.02)


def train_through(stub: Stub, fault: Callable[[], object], *arguments: str) -> str:
    """Run a sweep of one job, let a fault happen in its sixth epoch, and return what it printed; it must finish.

    It runs in this process, because a new one takes seconds to import MLflow.
    """

    def inject() -> None:
        until(lambda: any(file.read_text().count(f'"{Metric.EPOCH_SECONDS}"') > 5 for file in _records(stub)))
        fault()

    with ThreadPoolExecutor(1) as beside:
        injected = beside.submit(inject)
        done = stub.train(
            "-m", "backend=torch", f"trainer.epochs={EPOCHS}", "tracking.patience_seconds=1",
            *stub.failing("slow"), *arguments,
        )  # fmt: skip
        injected.result()
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    assert "Traceback" not in printed
    told = [line for line in printed.splitlines() if "epoch" not in line]
    assert len(told) < 40, told  # no retry fills the terminal
    return printed


def _records(stub: Stub) -> list[Path]:
    return [file for file in stub.folder.rglob(EVENTS) if file.parent.name == "0"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the sums."""
    here = str(Path(__file__).parent.relative_to(Path(__file__).parents[2]))
    ended = {
        outcome: {one.nodeid for one in terminalreporter.stats.get(outcome, []) if one.nodeid.startswith(here)}
        for outcome in ("passed", "failed", "error")
    }
    tried = set().union(*ended.values())
    survived = ended["passed"] - ended["failed"] - ended["error"]
    terminalreporter.write_line(
        f"faults tried: {len(tried)}, survived: {len(survived)}, runs lost: {_sums.runs_lost}, "
        f"epochs lost: {_sums.epochs_lost}, runs wrongly FINISHED: {_sums.wrongly_finished}, "
        f"left RUNNING: {_sums.left_running}, orphans: {_sums.orphans}, locks left: {_sums.locks_left}"
    )
