"""A store that is locked, read-only, deleted, newer or on a full disk, and artifacts that cannot be kept."""

import contextlib
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kerasbench.config.schema import TrackingConfig
from kerasbench.paths import PROJECT
from kerasbench.store import access, sync
from tests.faults.conftest import EPOCHS, KEPT_LOCALLY, Aftermath, train_through
from tests.stub.driver import Stub

pytestmark = [pytest.mark.slow, pytest.mark.thorough]


@pytest.fixture
def database(stub: Stub) -> Path:
    return stub.folder / "mlruns" / "mlflow.db"


def _locked(database: Path) -> sqlite3.Connection:
    other = sqlite3.connect(database, timeout=30, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    return other


def _complete(aftermath: Aftermath) -> bool:
    (run,) = aftermath.runs()
    return (run.info.status, aftermath.epochs(run)) == ("FINISHED", list(range(1, EPOCHS + 1)))


def test_a_store_that_is_locked_while_a_model_trains_costs_nothing(
    stub: Stub, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "LOCK_SECONDS", 0.5)  # it waits for 15
    locks: list[sqlite3.Connection] = []
    assert KEPT_LOCALLY in train_through(stub, lambda: locks.append(_locked(database)))
    locks[0].close()


def test_a_store_that_is_deleted_while_a_model_trains_has_the_run_after_the_next_command(
    stub: Stub, database: Path, aftermath: Aftermath
) -> None:
    assert KEPT_LOCALLY in train_through(stub, database.unlink)
    command = [sys.executable, "-m", "kerasbench", "sync", str(stub.outputs)]
    variables = os.environ | {"PYTHONPATH": str(PROJECT), "MLFLOW_TRACKING_URI": stub.store}
    subprocess.run(command, env=variables, check=True, capture_output=True)
    aftermath.uri = stub.store.replace("sqlite:///", "sqlite:////")  # this process still has the deleted file open
    assert _complete(aftermath)


def test_a_store_on_a_full_disk_costs_nothing(stub: Stub, database: Path, aftermath: Aftermath) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    limit = (database.stat().st_size // 2, before[1])  # the database cannot be written; all other files are smaller
    try:
        printed = train_through(stub, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert KEPT_LOCALLY in printed
    assert not aftermath.runs()[0].info.end_time


def test_an_output_folder_on_a_full_disk_costs_nothing_while_the_store_works(stub: Stub, aftermath: Aftermath) -> None:
    disk = stub.folder / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], check=False).returncode:
        pytest.xfail("only root can make a small disk")

    def fill() -> None:
        with contextlib.suppress(OSError), (disk / "filling").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1024))

    try:
        printed = train_through(stub, fill, f"hydra.sweep.dir={disk}/outputs")
        assert "cannot be written" in printed
        assert _complete(aftermath)
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_an_output_folder_that_is_deleted_costs_nothing_while_the_store_works(stub: Stub, aftermath: Aftermath) -> None:
    train_through(stub, lambda: shutil.rmtree(stub.outputs))
    assert _complete(aftermath)


def test_artifacts_that_cannot_be_written_hold_up_no_metric_and_are_kept_later(
    stub: Stub, aftermath: Aftermath
) -> None:
    artifacts, away = stub.folder / "artifacts", stub.folder / "away"

    def replace() -> None:
        artifacts.rename(away)
        artifacts.write_text("this is no folder")

    assert KEPT_LOCALLY in train_through(stub, replace)
    assert _complete(aftermath)
    artifacts.unlink()
    away.rename(artifacts)
    sync.sync([stub.folder], TrackingConfig(stub.store, str(artifacts), "keras-backends"), print)
    assert {"config.yaml", "packages.txt", "worker.log"} == set(stub.artifacts(aftermath.runs()[0]))


def _lock(database: Path) -> Callable[[], object]:
    return _locked(database).close


def _make_read_only(database: Path) -> Callable[[], object]:
    """Root may write whatever the permissions say, but not what is immutable."""
    if os.geteuid():
        database.chmod(0o400)
        return lambda: database.chmod(0o600)
    if subprocess.run(["chattr", "+i", str(database)], check=False).returncode:
        pytest.xfail("this file system has no immutable files, and root may write all others")
    return lambda: subprocess.run(["chattr", "-i", str(database)], check=True)


def _make_newer(database: Path) -> Callable[[], object]:
    def set_schema(version: str) -> str:
        with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
            (before,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            connection.execute("UPDATE alembic_version SET version_num = ?", [version])
        return str(before)

    before = set_schema("f0f0f0f0f0f0")
    return lambda: set_schema(before)


def _make_no_database(database: Path) -> Callable[[], object]:
    before = database.read_bytes()
    database.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 16)
    return lambda: database.write_bytes(before)


@pytest.mark.parametrize("damage", [_lock, _make_read_only, _make_newer, _make_no_database])
def test_a_store_that_cannot_be_used_is_one_line_before_anything_is_trained(
    stub: Stub, database: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], Callable[[], object]]
) -> None:
    monkeypatch.setattr(access, "LOCK_SECONDS", 0.5)  # it waits for 15
    undo = damage(database)
    try:
        done = stub.train("-m", "backend=torch")
    finally:
        undo()
    assert done.returncode == 2
    assert str(database) in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(stub.folder.rglob("events.jsonl"))
