"""What `deploy/server.py` refuses, in one line, before anything starts."""

import os
import socket
from pathlib import Path

import pytest

from deploy import server
from kerasbench.process import children

_UNPRIVILEGED = 1000


@pytest.fixture(autouse=True)
def _nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*arguments: object, **named: object) -> None:
        raise AssertionError("it has started something")

    monkeypatch.setattr(children, "start", start)


def _refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        server.main(list(arguments))
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_root_serves_this_machine_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "--host 0.0.0.0" in _refused(capsys, str(tmp_path / "kept"), "--host", "0.0.0.0", "--name", "server.example")
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--host", "0.0.0.0"], "--name"),
        (["--host", "no host"], "no host"),
        (["--port", "0"], "--port 0"),
        (["--port", "70000"], "--port 70000"),
        (["--workers", "0"], "--workers 0"),
    ],
)
def test_an_option_that_cannot_be_obeyed_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, options: list[str], named: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: _UNPRIVILEGED)
    assert named in _refused(capsys, str(tmp_path), *options)


def test_a_port_that_is_taken_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert port in _refused(capsys, str(tmp_path), "--port", port)


def test_a_missing_package_is_named_with_the_extra_that_has_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "find_spec", lambda name: None)
    assert "kerasbench[server]" in _refused(capsys, str(tmp_path), "--port", "54321")


def test_data_of_another_version_of_postgresql_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "postgresql").mkdir()
    (tmp_path / "postgresql" / "PG_VERSION").write_text("7\n")
    assert "PostgreSQL 7" in _refused(capsys, str(tmp_path), "--port", "54321")


def test_a_path_that_is_too_long_for_a_socket_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "long" in _refused(capsys, str(tmp_path / ("x" * 120)), "--port", "54321")
