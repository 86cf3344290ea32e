"""A store that cannot be used is reported in one line, within seconds, and no library writes to the terminal."""

import contextlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from kerasbench.config.schema import TrackingConfig
from kerasbench.paths import PROJECT, sqlite_uri
from kerasbench.store import access
from kerasbench.store.reading import read
from kerasbench.store.tracking import TrackedRun, open_store
from kerasbench.terminal.errors import UserError, one_line

NOBODY = 65534

# Paths with what has a meaning in addresses, in MLflow's, SQLAlchemy's or a file's.
AWKWARD = [
    "it's été-雪, a=b;c&d {e}",
    "%2F what?",
    "100%",
    "what?",
    "what?timeout=1",
    "a#b",
    "a%3Fb",
]


def _tracking(uri: str, folder: Path, **changed: str) -> TrackingConfig:
    return replace(TrackingConfig(uri, str(folder / "artifacts"), "tests"), **changed)  # type: ignore[arg-type]


def _opening(config: TrackingConfig) -> str:
    """Open a store, check that its error is one line, and return it."""
    with pytest.raises(UserError) as raised:
        open_store(config)
    (line,) = one_line(raised.value).splitlines()
    return line


@pytest.fixture(autouse=True)
def _nothing_on_the_terminal(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def unprivileged(empty_store: Path) -> Iterator[Path]:
    """The test's own folder, which holds an empty store, and where file permissions also bind root."""
    folder = Path(tempfile.mkdtemp())
    (folder / "mlruns").mkdir()
    shutil.copy(empty_store, folder / "mlruns")
    is_root = os.geteuid() == 0
    if is_root:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    yield folder
    if is_root:
        os.seteuid(0)
    subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", AWKWARD)
def test_any_character_may_be_in_the_path_of_a_store_and_of_its_artifacts(
    name: str, empty_store: Path, tmp_path: Path
) -> None:
    database = tmp_path / name / f"{name}.db"
    if name != "%2F what?":  # MLflow creates this one itself, which takes seconds
        database.parent.mkdir()
        shutil.copy(empty_store, database)
    config = TrackingConfig(sqlite_uri(database), str(tmp_path / name / "kept"), "tests")
    with TrackedRun(open_store(config), "run", {}) as tracked:
        tracked.metrics({"loss": 0.5}, step=1)
        tracked.text("kept", "note.txt")
    assert database.is_file()
    assert access.sqlite_file(config.uri) == database
    SqlAlchemyStore._engine_map.clear()  # as in a process that only reads
    (run,) = read(config.uri, "tests", [])
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert {path.name for path in (tmp_path / name).iterdir()} == {database.name, f"{database.name}.lock", "kept"}
    assert run.metrics == {"loss": 0.5}
    client = MlflowClient(config.uri)
    (artifact,) = client.list_artifacts(tracked.run_id)
    copy = client.download_artifacts(tracked.run_id, artifact.path, str(tmp_path))
    assert Path(copy).read_text() == "kept"
    assert (tmp_path / name / "kept" / tracked.run_id / "artifacts").is_dir()


def test_options_of_sqlite_stay_options(store: str, tmp_path: Path) -> None:
    client, _ = open_store(_tracking(f"{store}?timeout=60", tmp_path))
    assert client.tracking_uri.endswith("mlflow.db?timeout=60")


@pytest.mark.parametrize("uri", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite+pysqlite://"])
def test_a_database_in_memory_is_refused(uri: str, tmp_path: Path) -> None:
    assert "memory" in _opening(_tracking(uri, tmp_path))
    with pytest.raises(UserError, match="memory"):
        read(uri, "tests", [])


@pytest.mark.parametrize("query", ["?/mlflow.db", "?b/mlflow.db", "?mode=ro"])
def test_a_question_mark_in_an_address_that_begins_no_options_is_refused(query: str, tmp_path: Path) -> None:
    assert "%3F" in _opening(_tracking(f"sqlite:///{tmp_path}/what{query}", tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("uri", ["", "  "])
def test_an_empty_address_is_refused(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "MLFLOW_TRACKING_URI" in _opening(_tracking(uri, tmp_path))
    with pytest.raises(UserError, match="MLFLOW_TRACKING_URI"):
        read(uri, "tests", [])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "uri", ["mlruns", "file:///mlruns", "nonsense://host/x", "postgresql://me:secret@127.0.0.1:9/x"]
)
def test_a_store_that_cannot_be_reached_through_mlflow_is_refused(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "secret" not in _opening(_tracking(uri, tmp_path))


@pytest.mark.parametrize(
    ("artifacts", "told"),
    [("s3://bucket/x", "s3://bucket/x"), ("", "tracking.artifacts"), ("ftp://me:secret@host/x", "password")],
)
def test_a_place_for_artifacts_that_cannot_be_used_is_refused_and_no_experiment_is_left_with_it(
    artifacts: str, told: str, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "boto3", None)  # as if S3's library were not installed
    line = _opening(_tracking(store, tmp_path, artifacts=artifacts))
    assert told in line
    assert "secret" not in line
    assert MlflowClient(store).get_experiment_by_name("tests") is None
    assert [path.name for path in tmp_path.iterdir()] == ["mlruns"]


def test_a_uri_is_obeyed_as_the_place_of_artifacts(store: str, tmp_path: Path) -> None:
    place = (tmp_path / "a folder").as_uri()
    with TrackedRun(open_store(_tracking(store, tmp_path, artifacts=place)), "run", {}) as tracked:
        tracked.text("kept", "note.txt")
    assert (tmp_path / "a folder" / tracked.run_id / "artifacts" / "note.txt").read_text() == "kept"


def test_a_deleted_experiment_is_named_with_the_command_that_restores_it(store: str, tmp_path: Path) -> None:
    client, experiment_id = open_store(_tracking(store, tmp_path))
    client.delete_experiment(experiment_id)
    line = _opening(_tracking(store, tmp_path))
    assert "tests" in line
    assert f"mlflow experiments restore --experiment-id {experiment_id}" in line
    with pytest.raises(UserError, match="experiments restore"):
        read(store, "tests", [])


def test_an_artifact_folder_that_cannot_be_written_is_refused(unprivileged: Path) -> None:
    config = _tracking(f"sqlite:///{unprivileged}/mlruns/mlflow.db", unprivileged / "kept")
    (unprivileged / "kept").mkdir(0o500)
    assert str(unprivileged / "kept") in _opening(config)
    open_store(config, artifacts=False)  # published figures have none
    assert "tracking.artifacts" in _opening(config)  # now that the experiment is there
    (unprivileged / "kept").chmod(0o700)
    open_store(config)


@pytest.mark.parametrize("protected", ["mlflow.db", "."])
def test_a_store_that_may_only_be_read_is_read_and_not_written(protected: str, unprivileged: Path) -> None:
    config = _tracking(f"sqlite:///{unprivileged}/mlruns/mlflow.db", unprivileged)
    with TrackedRun(open_store(config), "run", {}):
        pass
    path = unprivileged / "mlruns" / protected
    path.chmod(0o500)
    assert "tracking.uri" in _opening(config)
    assert len(read(config.uri, "tests", [])) == 1
    path.chmod(0o700)


def test_a_folder_in_which_no_store_can_be_created_is_refused(unprivileged: Path) -> None:
    unprivileged.chmod(0o500)
    assert "ermission denied" in _opening(_tracking(f"sqlite:///{unprivileged}/other/mlflow.db", unprivileged))


@pytest.mark.parametrize("content", ["no database", None])
def test_what_is_no_database_is_refused(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    if content is None:
        file.mkdir()
    else:
        file.write_text(content * 100)
    assert str(file) in _opening(_tracking(f"sqlite:///{file}", tmp_path))


@pytest.mark.parametrize("damage", ["UPDATE runs SET name = name", "DROP TABLE metrics"])
def test_a_store_of_a_newer_mlflow_is_refused_and_left_as_it_is(damage: str, store: str, tmp_path: Path) -> None:
    file = access.sqlite_file(store)
    assert file is not None
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("UPDATE alembic_version SET version_num = 'f00dfeed0001'")
        database.execute(damage)
        database.commit()
    before = file.read_bytes()
    assert "newer MLflow" in _opening(_tracking(store, tmp_path))
    with pytest.raises(UserError, match="newer MLflow"):
        read(store, "tests", [])
    assert file.read_bytes() == before


@pytest.mark.parametrize("reading", [False, True])
def test_a_database_that_another_process_has_locked_is_refused_after_a_bounded_wait(
    reading: bool, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store(_tracking(store, tmp_path))
    monkeypatch.setattr(access, "LOCK_SECONDS", 0.5)
    with contextlib.closing(sqlite3.connect(str(access.sqlite_file(store)), isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        with pytest.raises(UserError, match="another process has locked it"):
            read(store, "tests", []) if reading else open_store(_tracking(store, tmp_path))
    assert 0.4 < time.monotonic() - started < 10


def test_a_store_that_fails_during_a_run_is_reported_in_one_line(store: str, tmp_path: Path) -> None:
    opened = open_store(_tracking(store, tmp_path))
    with (
        pytest.raises(UserError, match=r"tracking.uri=sqlite:.*cannot be written"),
        TrackedRun(opened, "run", {}) as tracked,
    ):
        with contextlib.closing(sqlite3.connect(str(access.sqlite_file(store)))) as database:
            database.execute("ALTER TABLE metrics RENAME TO lost")
        tracked.metrics({"loss": 0.5})
    with contextlib.closing(sqlite3.connect(str(access.sqlite_file(store)))) as database:
        assert database.execute("SELECT status FROM runs").fetchall() == [("FAILED",)]


Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def answering() -> Iterator[Callable[[int, str, str], str]]:
    """Start a server that gives every request the same answer, and return its address, with a password."""
    servers: list[ThreadingHTTPServer] = []

    def start(status: int, kind: str, content: str) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.end_headers()
                self.wfile.write(content.encode())

            do_POST = do_GET

            def log_message(self, *arguments: object) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return f"http://user:secret@127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "kind", "content", "told"),
    [
        (401, "text/plain", "You are not authenticated", "MLFLOW_TRACKING_PASSWORD"),
        (403, "application/json", '{"error_code": "PERMISSION_DENIED"}', "HTTP 403"),
        (200, "text/html", "<html>log in</html>", "text/html"),
        (200, "application/json", "[1]", "no working MLflow server"),
        (404, "text/html", "<html>not found</html>", "HTTP 404"),
        (500, "application/json", '{"error_code": "INTERNAL_ERROR"}', "HTTP 500"),
        (503, "text/html", "<html>later</html>", "HTTP 503"),
    ],
)
def test_a_server_that_answers_otherwise_than_mlflow_is_refused_at_once(
    status: int, kind: str, content: str, told: str, answering: Callable[[int, str, str], str], tmp_path: Path
) -> None:
    uri = answering(status, kind, content)
    started = time.monotonic()
    line = _opening(_tracking(uri, tmp_path))
    with pytest.raises(UserError):
        read(uri, "tests", [])
    assert told in line
    assert "127.0.0.1" in line
    assert "secret" not in line
    assert time.monotonic() - started < 5


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def test_a_server_that_is_not_there_is_reported_within_seconds(tmp_path: Path) -> None:
    started = time.monotonic()
    for kind in ("http", "postgresql", "postgresql+psycopg"):
        line = _opening(_tracking(f"{kind}://user:secret@127.0.0.1:{_free_port()}", tmp_path))
        assert "Connection refused" in line
        assert "secret" not in line
    assert "does not answer" in _opening(_tracking("http://no-such-host.invalid:5000", tmp_path))
    assert time.monotonic() - started < 15


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "told"), [("http", "within 1 s"), ("postgresql", "timeout expired")])
def test_a_server_that_accepts_and_never_answers_is_reported_within_seconds(
    kind: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert access.ANSWER_SECONDS <= 15
    monkeypatch.setattr(access, "ANSWER_SECONDS", 1)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        started = time.monotonic()
        line = _opening(_tracking(f"{kind}://127.0.0.1:{listener.getsockname()[1]}", tmp_path))
    assert told in line
    assert time.monotonic() - started < 10


@pytest.mark.slow
def test_a_command_ends_with_status_2_and_one_line(tmp_path: Path) -> None:
    uri = f"http://user:secret@127.0.0.1:{_free_port()}"
    for arguments in (["-m", "kerasbench.store.reference", "import"], ["-m", "kerasbench.report"]):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=PROJECT,
            env=os.environ | {"MLFLOW_TRACKING_URI": uri},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 2
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert "secret" not in line


@pytest.mark.slow
def test_not_even_a_traceback_shows_a_password(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kerasbench.store.reference", "import"],
        cwd=PROJECT,
        env=os.environ
        | {"HYDRA_FULL_ERROR": "1", "MLFLOW_LOGGING_LEVEL": "DEBUG"}
        | {"MLFLOW_TRACKING_URI": f"http://user:s3cr3t@127.0.0.1:{_free_port()}"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Traceback" in done.stderr
    assert "127.0.0.1" in done.stderr
    assert "s3cr3t" not in done.stdout + done.stderr
