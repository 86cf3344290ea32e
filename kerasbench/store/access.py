"""Checks a store before anything uses it, and reports any problem in one line.

MLflow retries an unreachable server for up to 16 minutes and an unreachable or locked database for two, and writes
hundreds of log lines meanwhile. Each check here tries once and waits at most a few seconds.
"""

import contextlib
import logging
import math
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from kerasbench.store import in_users_process

if not in_users_process:
    # Turns off MLflow's usage reports; MLflow reads this when it is imported.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # The writer itself retries; MLflow would retry one call for a quarter of an hour.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # for each artifact, if tqdm is installed
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # two lines for each run that ends

import mlflow
import requests
import urllib3
from mlflow import MlflowClient
from mlflow.entities import Experiment
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.file_utils import get_local_path_or_none
from mlflow.utils.rest_utils import http_request
from mlflow.version import VERSION
from sqlalchemy import URL, make_url
from urllib3.exceptions import NewConnectionError

from kerasbench.credentials import redact, redact_logs, without_credentials
from kerasbench.paths import sqlite_uri
from kerasbench.terminal.errors import TRACEBACKS, UserError

LOCK_SECONDS = 15.0  # how long to wait for a database that another process has locked
ANSWER_SECONDS = 10.0  # how long to wait for a server's first answer

# Libraries whose errors mean that a store cannot be used, besides OSError and ImportError (no database driver). By
# name, because importing alembic takes most of a second.
_LIBRARIES = ("mlflow", "sqlalchemy", "alembic", "sqlite3")
# By its driver, the options of a database's address that bound the wait for its server, in seconds.
_BOUNDS = {
    **dict.fromkeys(("psycopg", "psycopg2", "mysqlconnector"), ("connect_timeout",)),
    **dict.fromkeys(("pymysql", "mysqldb", "mariadbconnector"), ("connect_timeout", "read_timeout", "write_timeout")),
}
_SQLITE_OPTIONS = {"timeout", "isolation_level", "detect_types", "check_same_thread", "cached_statements"}
_MIGRATIONS = Path(mlflow.__file__).parent / "store" / "db_migrations" / "versions"
_EXPERIMENT_ROUTE = "/api/2.0/mlflow/experiments/get-by-name"

if "%" in mlflow.__file__:
    from kerasbench.store import percent_signs  # noqa: F401  # its import is what counts
if not in_users_process:
    redact_logs()
if not in_users_process and not TRACEBACKS and "MLFLOW_LOGGING_LEVEL" not in os.environ:
    for _library in ("mlflow", "alembic", "sqlalchemy", "sqlalchemy.engine", "urllib3"):
        logging.getLogger(_library).setLevel(logging.CRITICAL)  # they log what they also raise


@contextlib.contextmanager
def store_errors(uri: str, what: str) -> Iterator[None]:
    """Turn every store error into a one-line UserError without passwords.

    Args:
        uri: the store's address.
        what: the end of the sentence "tracking.uri=... ", such as "cannot be read".
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, OSError | ImportError) and not type(error).__module__.startswith(_LIBRARIES):
            raise
        redact(error)  # a traceback prints its message, too
        raise UserError(f"tracking.uri={without_credentials(uri)} {what}: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message; in MLflow's errors, a stack and documentation links follow."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def sqlite_file(uri: str) -> Path | None:
    """Return the file of a SQLite store, or None for a store of another kind.

    SQLAlchemy decodes `%20` in an address to a blank, `%3F` to a question mark and `%25` to a percent sign.

    Raises:
        UserError: the address names no file, or has an unknown SQLite option.
    """
    if not uri.startswith("sqlite"):
        return None
    url = make_url(uri)
    if url.database in (None, "", ":memory:"):
        raise UserError(
            f"tracking.uri={uri} is a database in memory, which is lost when the process ends: name a file, "
            "such as tracking.uri=sqlite:///runs.db"
        )
    if ("?" in uri and not url.query) or not _SQLITE_OPTIONS.issuperset(url.query):
        raise UserError(
            f"tracking.uri={uri}: {uri.partition('?')[2]!r} is not a SQLite option; write a question mark in "
            "the path as %3F"
        )
    return Path(str(url.database))


def checked(uri: str, writing: bool) -> str:
    """Try once to reach the store, and return its address for MLflow.

    Args:
        uri: the store's address; a SQLite file need not exist yet.
        writing: whether the caller will write.

    Raises:
        UserError: the address is empty, or its server is no MLflow server or denies access.
        OSError, MlflowException, SQLAlchemyError, sqlite3.Error: the store cannot be reached, read or written.
    """
    if not uri.strip():
        raise UserError(
            "tracking.uri is empty: leave it out, or unset MLFLOW_TRACKING_URI, to use mlruns/mlflow.db; "
            "or name a store, such as tracking.uri=sqlite:///runs.db"
        )
    file = sqlite_file(uri)
    if file:
        if file.exists():
            _check_database(file, writing)
        options = make_url(uri).query
        return URL.create("sqlite", query=options).render_as_string().replace("sqlite://", sqlite_uri(file), 1)
    if uri.startswith(("http://", "https://")):
        _check_server(uri)
    elif uri.startswith(("postgresql", "mysql", "mssql")):
        _check_database_server(uri)
    return uri


def _check_database(file: Path, writing: bool) -> None:
    database = sqlite3.connect(file, timeout=LOCK_SECONDS, isolation_level=None)
    with contextlib.closing(database):
        try:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
            if "alembic_version" in tables:
                for (revision,) in database.execute("SELECT version_num FROM alembic_version"):
                    _check_revision(file, revision)
            if writing:
                _write_nothing(database)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            raise OSError(
                f"another process has locked it for {LOCK_SECONDS:g} s; wait until it ends, or name another store"
            ) from error


def _write_nothing(database: sqlite3.Connection) -> None:
    """Perform a write, including the journal beside the file, and roll it back."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    database.execute("BEGIN IMMEDIATE")
    database.execute(f"PRAGMA user_version = {version + 1}")
    database.execute("ROLLBACK")


def _check_revision(file: Path, revision: str) -> None:
    """Refuse a store of a newer MLflow before MLflow touches it: it would add tables that it misses there."""
    if not any(_MIGRATIONS.glob(f"*{revision}_*.py")):
        raise UserError(
            f"{file} was written by a newer MLflow than {VERSION} (schema {revision}): open it with that MLflow, or "
            "name another store, such as tracking.uri=sqlite:///runs.db"
        )


def _check_database_server(uri: str) -> None:
    """Connect once, as MLflow would; a time that the address itself sets is obeyed."""
    from mlflow.store.db.utils import create_sqlalchemy_engine  # its imports are not needed for a SQLite file

    url = make_url(uri)
    names = [name for name in _BOUNDS.get(url.get_dialect().driver, ()) if name not in url.query]
    bounded = url.update_query_dict({name: str(math.ceil(ANSWER_SECONDS)) for name in names})
    engine = create_sqlalchemy_engine(bounded.render_as_string(hide_password=False))  # type: ignore[no-untyped-call]
    try:
        engine.connect().close()
    finally:
        engine.dispose()


def _check_server(uri: str) -> None:
    told = without_credentials(uri)
    try:
        answer = http_request(  # type: ignore[no-untyped-call]
            get_default_host_creds(uri),  # type: ignore[no-untyped-call]
            _EXPERIMENT_ROUTE,
            "GET",
            params={"experiment_name": "Default"},
            timeout=ANSWER_SECONDS,
            max_retries=0,
            raise_on_status=False,
        )
    except MlflowException as error:
        raise OSError(_unreachable(error)) from error
    if answer.status_code in (401, 403):
        raise UserError(
            f"tracking.uri={told} denies access (HTTP {answer.status_code}): set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )
    if not _is_mlflows(answer):
        kind = answer.headers.get("Content-Type", "no content type").partition(";")[0]
        raise UserError(
            f"tracking.uri={told} is no working MLflow server: it answers HTTP {answer.status_code}, {kind}"
        )


def _unreachable(error: BaseException) -> str:
    """Return why a request got no answer: the message of its innermost cause."""
    reason: Any = error.__cause__ or error.__context__ or error
    while cause := getattr(reason, "reason", None) or next((one for one in reason.args if _is_error(one)), None):
        reason = cause
    if isinstance(reason, TimeoutError | urllib3.exceptions.TimeoutError) and not isinstance(
        reason, NewConnectionError
    ):
        return f"the server did not answer within {ANSWER_SECONDS:g} s"
    return f"the server does not answer: {str(reason).rpartition('connection: ')[2]}"


def _is_error(value: object) -> bool:
    return isinstance(value, Exception)


def _is_mlflows(answer: requests.Response) -> bool:
    """Whether an answer is MLflow's: it holds the experiment, or MLflow's error code for a missing one."""
    try:
        content = answer.json()
    except ValueError:
        return False
    if answer.ok:
        return "experiment" in content
    return bool(content.get("error_code") == "RESOURCE_DOES_NOT_EXIST")


def connected(uri: str) -> MlflowClient:
    """Return a client of a store; create a database that does not exist.

    MLflow creates the folder of a SQLite file without decoding `%25` or `%3F` in its path. This removes that empty
    folder beside the real one.
    """
    folder = Path(uri.removeprefix("sqlite:///")).parent
    new = [path for path in (folder, *folder.parents) if not path.exists()] if uri.startswith("sqlite") else []
    try:
        return MlflowClient(uri)
    finally:
        for path in new:
            with contextlib.suppress(OSError):
                path.rmdir()


def active(experiment: Experiment, uri: str) -> str:
    """Return an experiment's id.

    Raises:
        UserError: the experiment is deleted, so nothing can be added to it.
    """
    if experiment.lifecycle_stage == "active":
        return str(experiment.experiment_id)
    raise UserError(
        f"the experiment {experiment.name!r} of {without_credentials(uri)} is deleted: name another with "
        "tracking.experiment, or restore it: "
        f"MLFLOW_TRACKING_URI={without_credentials(uri)} "
        f"python -m mlflow experiments restore --experiment-id {experiment.experiment_id}"
    )


def check_artifacts(location: str) -> None:
    """Check that an experiment's artifact location, a folder or a bucket, can be used.

    Raises:
        UserError: it cannot be used.
    """
    try:
        folder = get_local_path_or_none(location)  # type: ignore[no-untyped-call]
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=folder):
                pass
        elif not location.startswith("mlflow-artifacts:"):  # else the server stores them
            get_artifact_repository(location).list_artifacts()
    except Exception as error:  # every kind of storage raises its own errors
        raise UserError(
            f"artifacts cannot be kept in {without_credentials(location)}: {first_line(redact(error))}. The "
            "location is fixed when an experiment is created: name a new experiment with tracking.experiment, and its "
            "location with tracking.artifacts"
        ) from error
