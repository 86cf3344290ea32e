import os
import sys
from pathlib import Path

import pytest

from kerasbench.environments import interpreters
from kerasbench.terminal.errors import UserError

OWN = f"=={sys.version_info.major}.{sys.version_info.minor}.*"


def _interpreter(path: Path, version: str) -> Path:
    """Make an executable that answers as an interpreter of this version does."""
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\necho cpython {version}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without pyenv, conda and other Pythons; returns its home folder."""
    for name in ("PYENV_ROOT", "CONDA_PREFIX", "CONDA_EXE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", os.defpath)
    return tmp_path


def test_the_drivers_own_interpreter_serves_where_its_version_does(bare: Path) -> None:
    assert interpreters.find(OWN, None, "tensorflow").version == ".".join(map(str, sys.version_info[:3]))


def test_pyenvs_interpreters_are_found_in_its_folder_and_not_by_its_shims(bare: Path) -> None:
    expected = _interpreter(bare / ".pyenv/versions/3.6.15/bin/python3.6", "3.6.15")
    found = interpreters.find(">=3.6,<3.7", None, "theano")
    assert (found.path, found.version) == (expected, "3.6.15")


def test_condas_environments_are_found(bare: Path) -> None:
    expected = _interpreter(bare / "envs/old/bin/python3.6", "3.6.13")
    (bare / ".conda").mkdir()
    (bare / ".conda/environments.txt").write_text(f"{bare}/envs/old\n")
    assert interpreters.find(">=3.6,<3.7", None, "theano").path == expected


def test_a_missing_interpreter_is_one_line_that_says_where_it_was_looked_for_and_what_supplies_it(bare: Path) -> None:
    with pytest.raises(UserError) as caught:
        interpreters.find(">=3.6,<3.7", None, "cntk")
    message = str(caught.value)
    assert "\n" not in message
    for part in ("cntk needs CPython >=3.6,<3.7", ".pyenv/versions", "pyenv install 3.6", "conda create"):
        assert part in message


def test_what_does_not_run_is_passed_over(bare: Path) -> None:
    broken = _interpreter(bare / ".pyenv/versions/3.6.15/bin/python3.6", "3.6.15")
    broken.write_text("#!/bin/sh\nexit 127\n")
    with pytest.raises(UserError, match="none was found"):
        interpreters.find(">=3.6,<3.7", None, "cntk")


def test_an_explicit_interpreter_of_another_version_is_refused() -> None:
    with pytest.raises(UserError, match=r"backend.interpreter=.* is Python .*, and cntk needs >=3.6,<3.7"):
        interpreters.find(">=3.6,<3.7", sys.executable, "cntk")
