"""Environments are made for real, with Theano's: the smallest."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kerasbench import environments
from kerasbench.config import composition
from kerasbench.config.schema import BackendConfig
from kerasbench.environments import provisioning
from kerasbench.paths import PROJECT
from kerasbench.terminal.errors import UserError


def _backend(*overrides: str) -> BackendConfig:
    return composition.compose(["backend=theano", *overrides]).backend


def test_the_folder_changes_with_whatever_decides_what_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = provisioning.folder_of(_backend(), tmp_path)
    assert provisioning.folder_of(_backend(), tmp_path) == plain
    assert provisioning.folder_of(_backend("backend.python='>=3.6.15,<3.7'"), tmp_path) != plain
    assert provisioning.folder_of(_backend("backend.interpreter=/usr/bin/python3.6"), tmp_path) != plain
    assert provisioning.folder_of(_backend("backend.post_install=[cntk_mpi]"), tmp_path) != plain
    monkeypatch.setattr(provisioning, "REQUIREMENTS", tmp_path)
    (tmp_path / "theano.txt").write_text("theano==1.0.4\n")
    assert provisioning.folder_of(_backend(), tmp_path) != plain


def test_only_a_backends_own_environments_are_removed_and_not_those_of_one_whose_name_goes_on(tmp_path: Path) -> None:
    own, others = tmp_path / "theano-0123456789ab", tmp_path / "theano-gpu-0123456789ab"
    for folder in (own, others):
        folder.mkdir()
    assert environments.remove(_backend(), tmp_path) == [own]
    assert others.exists()


def test_unknown_requirements_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"backend\.requirements=nosuch\.txt"):
        environments.ready(_backend("backend.requirements=nosuch.txt"), tmp_path)


@pytest.mark.slow
def test_a_failed_installation_tells_why_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pins = tmp_path / "pins"
    pins.mkdir()
    (pins / "theano.txt").write_text("kerasbench-has-no-such-package==1.0\n")
    monkeypatch.setattr(provisioning, "REQUIREMENTS", pins)
    own = f"backend.python='=={sys.version_info.major}.{sys.version_info.minor}.*'"
    with pytest.raises(UserError, match=r"`uv pip install` failed: .*\(all of it: .*theano\.log\)"):
        environments.provision(_backend(own), tmp_path / "envs", print)
    assert list((tmp_path / "envs").glob("*theano-*")) == []


@pytest.mark.slow
def test_what_imports_nothing_is_not_called_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pins = tmp_path / "pins"
    pins.mkdir()
    (pins / "theano.txt").write_text("six==1.17.0\n")
    monkeypatch.setattr(provisioning, "REQUIREMENTS", pins)
    with pytest.raises(UserError, match="theano is installed but does not import: ModuleNotFoundError"):
        environments.provision(_backend(), tmp_path / "envs", print)
    assert environments.ready(_backend(), tmp_path / "envs") is None


def _setup(folder: Path) -> "subprocess.Popen[str]":
    code = (
        "import signal, sys; from pathlib import Path; from kerasbench import environments; "
        "from kerasbench.config import composition; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); "  # also where a shell has it ignored
        "environments.provision(composition.compose(['backend=theano']).backend, Path(sys.argv[1]), print)"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, folder], cwd=PROJECT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


@pytest.mark.slow
def test_two_processes_that_ask_at_once_make_it_once_and_it_is_kept(tmp_path: Path) -> None:
    both = [_setup(tmp_path), _setup(tmp_path)]
    printed = "".join(process.communicate(timeout=300)[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert printed.count("installing") == 1
    environment = environments.ready(_backend(), tmp_path)
    assert environment is not None
    assert environment.proof["backend_version"] == "1.0.5"
    assert "theano==1.0.5" in environment.packages.read_text().lower()
    assert environments.remove(_backend(), tmp_path) == [environment.folder]
    assert environments.ready(_backend(), tmp_path) is None


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_installation_leaves_nothing_that_the_next_takes_for_ready(tmp_path: Path, number: int) -> None:
    process = _setup(tmp_path)
    assert process.stdout is not None
    for line in process.stdout:
        if "installing" in line:
            break
    time.sleep(0.3)
    os.killpg(process.pid, number)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert environments.ready(_backend(), tmp_path) is None
    again = _setup(tmp_path)
    again.communicate(timeout=300)
    assert again.returncode == 0
    assert environments.ready(_backend(), tmp_path) is not None
    assert list(tmp_path.glob(".theano.tmp-*")) == []


@pytest.mark.slow
def test_the_command_line_lists_what_is_ready_and_refuses_what_is_not_there() -> None:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "kerasbench.environments", *arguments]
        return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=300)

    assert run("setup", "theano").returncode == 0
    listed = run("list")
    assert any("theano" in line and "ready" in line and "1.0.5" in line for line in listed.stdout.splitlines())
    unknown = run("setup", "nosuch")
    assert unknown.returncode == 2
    assert "no such backend: nosuch" in unknown.stderr
