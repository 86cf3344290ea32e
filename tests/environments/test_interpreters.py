import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from kerasbench.environments import interpreters
from kerasbench.terminal.errors import UserError

OWN = f"=={sys.version_info.major}.{sys.version_info.minor}.*"
BASE = Path(sys._base_executable)  # type: ignore[attr-defined]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Simulate a machine without any Python, whose driver's version suits no backend; return its home folder."""
    for name in [name for name in os.environ if name.startswith(("CONDA_", "PYENV_", "UV_", "XDG_", "VIRTUAL_ENV"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(platform, "python_version", lambda: "3.999.0")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _interpreter(prefix: Path) -> Path:
    """Link the test's interpreter to the place of another one."""
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin/python3").symlink_to(BASE)
    return BASE.resolve()


def test_the_drivers_own_interpreter_comes_first() -> None:
    assert interpreters.find(">=3.11", None, "tensorflow") == BASE


def test_pyenvs_interpreters_are_found_without_its_shims(bare: Path) -> None:
    expected = _interpreter(bare / ".pyenv/versions/3.x")
    assert interpreters.find(OWN, None, "theano") == expected


def test_a_home_folder_without_room_for_uvs_cache_hides_no_interpreter(bare: Path) -> None:
    expected = _interpreter(bare / ".pyenv/versions/3.x")
    (bare / ".cache").touch()  # a file, into which not even root can write a folder
    assert interpreters.find(OWN, None, "theano") == expected


def test_condas_environments_are_found_though_none_is_active(bare: Path) -> None:
    expected = _interpreter(bare / "envs/old")
    (bare / ".conda").mkdir()
    (bare / ".conda/environments.txt").write_bytes(
        f"{bare}/gone-\udcff\n{bare}/envs/old\n".encode(errors="surrogateescape")
    )
    assert interpreters.find(OWN, None, "theano") == expected


def test_an_interpreter_on_the_path_is_found(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = _interpreter(bare / "usr")
    monkeypatch.setenv("PATH", f"{bare}/usr/bin")
    assert interpreters.find(OWN, None, "theano") == expected


def test_the_users_files_do_not_change_the_answer(bare: Path) -> None:
    expected = _interpreter(bare / ".pyenv/versions/3.x")
    (bare / ".python-version").write_text("3.6\n")
    (bare / "uv.toml").write_text('python-preference = "only-managed"\n')
    (bare / ".config/uv").mkdir(parents=True)
    (bare / ".config/uv/uv.toml").write_text('python-preference = "only-managed"\n')
    assert interpreters.find(OWN, None, "theano") == expected


@pytest.mark.parametrize(("specifier", "by_uv"), [(">=3.6,<3.7", False), (">=3.11,<3.14", True)])
def test_a_missing_interpreter_is_one_line_that_says_how_to_install_it(bare: Path, specifier: str, by_uv: bool) -> None:
    with pytest.raises(UserError) as caught:
        interpreters.find(specifier, None, "cntk")
    message = str(caught.value)
    minor = specifier[2:].partition(",")[0]
    assert "\n" not in message
    for part in ("cntk", specifier, f"pyenv install {minor}", f"python={minor}", "backend.interpreter="):
        assert part in message
    assert (f"uv python install {minor}" in message) == by_uv


def test_what_does_not_run_is_passed_over(bare: Path) -> None:
    broken = bare / ".pyenv/versions/3.x/bin/python3"
    broken.parent.mkdir(parents=True)
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    with pytest.raises(UserError, match="not found"):
        interpreters.find(OWN, None, "cntk")


def test_an_explicit_interpreter_is_obeyed(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    assert interpreters.find(OWN, str(tmp_path / "venv/bin/python"), "theano") == BASE.resolve()


@pytest.mark.parametrize("explicit", [sys.executable, "/nonexistent/python", "/bin/ls"])
def test_an_explicit_interpreter_of_another_version_or_that_does_not_run_is_refused(explicit: str) -> None:
    with pytest.raises(UserError) as caught:
        interpreters.find(">=3.6,<3.7", explicit, "cntk")
    assert f"backend.interpreter={explicit}" in str(caught.value)
    assert "\n" not in str(caught.value)
