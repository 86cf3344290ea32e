"""Passwords appear in nothing that others can read."""

import io
import logging
import sys
import traceback
from collections.abc import Iterator

import pytest

from kerasbench.config import composition, identity
from kerasbench.credentials import redact, redact_logs, without_credentials
from kerasbench.machine import provenance
from kerasbench.terminal.errors import UserError, one_line

_URI = "https://user:secret@mlflow.example/store"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (_URI, "https://mlflow.example/store"),
        (f"tracking.uri={_URI} cannot be used", "tracking.uri=https://mlflow.example/store cannot be used"),
        ("postgresql://me:a@b@db:5432/mlflow", "postgresql://db:5432/mlflow"),
        ("postgresql://me:a#b/c?d@db/mlflow", "postgresql://db/mlflow"),
        ("https://token@mlflow.example", "https://mlflow.example"),
        ("postgresql://db/mlflow?user=me&password=a+b&x=1", "postgresql://db/mlflow?user=me&password=...&x=1"),
        ("sqlite:////home/me@work/mlflow.db", "sqlite:////home/me@work/mlflow.db"),
    ],
)
def test_user_and_password_are_left_out_and_nothing_else(text: str, told: str) -> None:
    assert without_credentials(text) == told


def test_a_password_on_the_command_line_is_refused_for_hydra_writes_it_into_files() -> None:
    with pytest.raises(UserError, match="put the address into the variable MLFLOW_TRACKING_URI"):
        composition.compose([f"tracking.uri={_URI}"])


def test_a_run_keeps_none_in_its_settings_its_command_and_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", f"tracking.uri={_URI}"])
    provenance._own.cache_clear()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", _URI)
    composed = composition.compose([])
    kept = [*identity.flat(composed).values(), *provenance.tags().values(), one_line(UserError(_URI))]
    provenance._own.cache_clear()
    assert composed.tracking.uri == _URI
    assert "https://mlflow.example/store" in kept
    assert not [text for text in kept if "secret" in text]


def test_a_traceback_shows_none_in_an_error_nor_in_its_causes() -> None:
    try:
        try:
            raise OSError(f"{_URI} refuses")
        except OSError as cause:
            raise ValueError(("a request", _URI), 7, cause) from cause
    except ValueError as error:
        shown = "".join(traceback.format_exception(redact(error)))
        assert error.args[1] == 7
    assert "https://mlflow.example/store refuses" in shown
    assert "secret" not in shown


@pytest.fixture
def handler() -> Iterator[logging.StreamHandler[io.StringIO]]:
    """A log handler without redaction of its own, in a process whose log records are redacted."""
    factory = logging.getLogRecordFactory()
    redact_logs()
    yield logging.StreamHandler(io.StringIO())
    logging.setLogRecordFactory(factory)


@pytest.mark.parametrize("library", ["mlflow.store.db.utils", "urllib3.connectionpool", "sqlalchemy.engine", "any"])
def test_no_librarys_log_record_shows_one(library: str, handler: logging.StreamHandler[io.StringIO]) -> None:
    logger = logging.getLogger(f"{library}.in_a_test")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    try:
        raise OSError(_URI)
    except OSError as error:
        logger.warning("Retrying (%s) after %r: %d", _URI, error, 3)
        logger.exception("failed")
    logger.info("%d of %d", 1, 2)
    written = handler.stream.getvalue()
    assert "https://mlflow.example/store" in written
    assert "Traceback" in written
    assert "1 of 2" in written
    assert "secret" not in written


@pytest.mark.usefixtures("handler")
def test_redacting_log_records_twice_is_redacting_them_once() -> None:
    factory = logging.getLogRecordFactory()
    redact_logs()
    assert logging.getLogRecordFactory() is factory
