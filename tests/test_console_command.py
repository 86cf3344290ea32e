"""The console command on any terminal: an encoding other than UTF-8, a reader that ends, no standard output."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kerasbench.paths import PROJECT

_KERASBENCH = [sys.executable, "-m", "kerasbench"]
_TRAIN = [sys.executable, str(PROJECT / "train.py")]
_PRINTING = [
    [*_KERASBENCH, "--help"],
    [*_KERASBENCH, "train", "--help"],
    [*_TRAIN, "--help"],
    [*_TRAIN, "--cfg", "job"],
    [*_KERASBENCH, "environments", "list", "theano"],
    [*_KERASBENCH, "reference", "list"],
    [*_KERASBENCH, "report", "--help"],
]
_LOCALES: list[dict[str, str]] = [
    {},
    {"LANG": "C"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "POSIX", "PYTHONIOENCODING": "latin-1"},
    {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "xx_XX.nosuch", "PYTHONUTF8": "0"},
]

_TWO = [_PRINTING[1], _PRINTING[5]]  # Hydra's help, a rich table
commands = pytest.mark.parametrize("command", _PRINTING, ids=lambda command: " ".join(command[-2:]))
two_commands = pytest.mark.parametrize("command", _TWO, ids=lambda command: " ".join(command[-2:]))


def _variables(**locale: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON"))}
    return kept | {"PYTHONPATH": str(PROJECT)} | locale


@pytest.mark.slow
@pytest.mark.parametrize("locale", _LOCALES, ids=str)
def test_what_a_terminal_cannot_show_is_escaped(locale: dict[str, str]) -> None:
    """The table of published figures contains a character that is not in Latin-1."""
    command = [*_KERASBENCH, "reference", "list"]
    done = subprocess.run(command, env=_variables(**locale), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    assert b"mnist_mlp" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("locale", _LOCALES[2:4], ids=str)
def test_an_error_that_a_terminal_cannot_show_is_one_line(locale: dict[str, str], tmp_path: Path) -> None:
    command = [*_TRAIN, f"hydra.run.dir={tmp_path}", "data.root=/nonexistent/Küche · ≤"]
    done = subprocess.run(command, env=_variables(**locale), cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 2, done.stderr.decode(errors="replace")
    (line,) = done.stderr.splitlines()
    assert line.startswith(b"error: ")


def test_a_command_reads_and_writes_utf_8_under_a_locale_that_does_not() -> None:
    code = (
        "import sys; from kerasbench.terminal import streams; streams.prepare(); "
        "print(sys.flags.utf8_mode, sys.argv[1], open('/dev/null').encoding.lower(), sys.stdout.encoding.lower())"
    )
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-c", code, "Küche"]
    done = subprocess.run(command, env=_variables(**locale), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.split() == [b"1", b"K\\xfcche", b"utf-8", b"ascii"]


def _without_a_reader() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@pytest.mark.slow
@commands
def test_a_command_whose_reader_has_ended_ends_quietly(command: list[str]) -> None:
    nobody = _without_a_reader()
    done = subprocess.run(command, env=_variables(), stdout=nobody, stderr=subprocess.PIPE, check=False)
    os.close(nobody)
    assert done.returncode == 0
    assert done.stderr == b""


@pytest.mark.slow
@two_commands
def test_a_command_whose_errors_nobody_reads_either_ends_by_itself(command: list[str]) -> None:
    nobody = _without_a_reader()
    done = subprocess.run(command, env=_variables(), stdout=nobody, stderr=nobody, check=False)
    os.close(nobody)
    assert done.returncode == 0


@pytest.mark.slow
@two_commands
def test_a_command_without_standard_output_ends_well(command: list[str]) -> None:
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *command]
    done = subprocess.run(closed, env=_variables(), stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
