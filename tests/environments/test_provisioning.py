"""Provisioning: slow tests make real environments, mostly Theano's, the smallest; the others install no packages."""

import os
import platform
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from kerasbench import environments
from kerasbench.config import composition
from kerasbench.environments import Specification, provisioning, specification
from kerasbench.environments.__main__ import main
from kerasbench.environments.installation import PACKAGES, Installation
from kerasbench.environments.proof import Proof
from kerasbench.paths import PROJECT
from kerasbench.terminal.errors import UserError

OWN = f"backend.python='=={sys.version_info.major}.{sys.version_info.minor}.*'"


def _wanted(cache: Path, *overrides: str) -> Specification:
    return Specification.of(composition.compose(["backend=theano", f"environments.folder={cache}", *overrides]))


def _played() -> Proof:
    """Return the proof of an environment that is none."""
    kernels = {"machine": {}, "device": "cpu", "deviations": {}, "seconds": 0.1}
    return Proof({"keras_version": "2.3.1", "backend_version": "1.0", "python_version": "3.6.15"}, [kernels], {})


def _quiet(name: str) -> Callable[[str], None]:
    return lambda step: None


@pytest.fixture
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.fixture
def without_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make environments without packages, so that they always succeed."""

    def install(installation: Installation, place: Path, log: Path) -> Proof:
        (place / "bin").mkdir(parents=True)
        (place / "bin/python").write_text("")
        (place / PACKAGES).write_text("")
        log.write_text("")
        return _played()

    monkeypatch.setattr(Installation, "_install", install)


def test_the_folder_changes_with_whatever_decides_what_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = _wanted(tmp_path).folder
    assert _wanted(tmp_path).folder == plain
    assert _wanted(tmp_path, "backend.python='>=3.6.15,<3.7'").folder != plain
    assert _wanted(tmp_path, "backend.interpreter=/usr/bin/python3.6").folder != plain
    assert _wanted(tmp_path, "backend.post_install=[cntk_mpi]").folder != plain
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(sys, "platform", "darwin")
        assert _wanted(tmp_path).folder != plain
    monkeypatch.setattr(specification, "REQUIREMENTS", tmp_path)
    (tmp_path / "theano.txt").write_text("theano==1.0.4\n")
    assert _wanted(tmp_path).folder != plain


def test_only_a_backends_own_environments_are_removed_and_not_those_of_one_whose_name_goes_on(tmp_path: Path) -> None:
    own, others = tmp_path / "theano-0123456789ab", tmp_path / "theano-gpu-0123456789ab"
    for folder in (own, others):
        folder.mkdir()
    assert environments.remove(_wanted(tmp_path).backend, tmp_path) == [own]
    assert others.exists()


def test_unknown_requirements_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"backend\.requirements=nosuch\.txt"):
        environments.ready(_wanted(tmp_path, "backend.requirements=nosuch.txt"))


@pytest.mark.slow
@pytest.mark.usefixtures("without_packages")
@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077], indirect=True)
def test_the_umask_decides_who_shares_an_environment(tmp_path: Path, umask: int) -> None:
    cache = tmp_path / "envs"
    folder = environments.provision(_wanted(cache, OWN), print).folder
    for path in (cache, *cache.iterdir(), *folder.rglob("*")):
        expected = (0o777 if path.is_dir() else 0o666) & ~umask
        assert stat.S_IMODE(path.stat().st_mode) == expected, path


@pytest.mark.slow
@pytest.mark.usefixtures("without_packages")
def test_what_is_ready_is_used_without_writing_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = environments.provision(_wanted(tmp_path, OWN), print)
    before = {path: path.lstat() for path in (tmp_path, *tmp_path.rglob("*"))}
    monkeypatch.setattr(provisioning, "lease", None)  # a lease writes
    assert environments.provision(_wanted(tmp_path, OWN), print) == made
    after = {path: path.lstat() for path in (tmp_path, *tmp_path.rglob("*"))}
    assert {path: state.st_mtime_ns for path, state in after.items()} == {
        path: state.st_mtime_ns for path, state in before.items()
    }


@pytest.mark.slow
@pytest.mark.usefixtures("without_packages")
@pytest.mark.parametrize("what", ["the folder", "the lease"])
def test_a_folder_that_cannot_be_written_is_one_line_that_names_the_key(
    tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if what == "the folder":
        (tmp_path / "envs").write_text("")
    else:
        (tmp_path / "envs/.theano.lease").mkdir(parents=True)
    with pytest.raises(UserError) as caught:
        environments.provision(_wanted(tmp_path / "envs", OWN), print)
    message = str(caught.value)
    assert "environments.folder=" in message
    assert str(tmp_path / "envs") in message
    assert "\n" not in message


def test_a_platform_without_builds_is_one_line_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "envs"
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    for name in ("tensorflow1", "cntk", "theano", "mxnet"):
        with pytest.raises(UserError, match=f"{name} has no build .*linux-aarch64.*linux-x86_64"):
            environments.provision(Specification(composition.backend_named(name), cache), print)
    assert not cache.exists()
    modern = [Specification(composition.backend_named(name), cache) for name in ("tensorflow", "jax", "torch")]
    assert all(one.runs_here for one in modern)


@pytest.mark.slow
def test_several_are_made_at_once_and_the_first_failure_is_raised_after_the_others_have_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(3, timeout=20)
    failed = threading.Event()

    def install(installation: Installation, place: Path, log: Path) -> Proof:
        together.wait()
        if installation.wanted.backend.name == "theano":
            failed.set()
            raise UserError("theano's packages are gone")
        assert failed.wait(20)
        (place / "bin").mkdir(parents=True)
        (place / "bin/python").write_text("")
        (place / PACKAGES).write_text("")
        return _played()

    monkeypatch.setattr(Installation, "_install", install)
    wanted = [_wanted(tmp_path, f"backend={name}", OWN) for name in ("tensorflow", "theano", "jax")]
    with pytest.raises(UserError, match="packages are gone"):
        environments.provision_all(wanted, _quiet)
    assert [environments.ready(one) is not None for one in wanted] == [True, False, True]
    assert list(tmp_path.glob(".*.tmp-*")) == []


@pytest.mark.usefixtures("without_packages")
def test_a_missing_interpreter_is_told_before_any_other_environment_is_made(tmp_path: Path) -> None:
    wanted = [_wanted(tmp_path, "backend=jax", OWN), _wanted(tmp_path, "backend.interpreter=/nonexistent")]
    with pytest.raises(UserError, match=r"backend\.interpreter=/nonexistent"):
        environments.provision_all(wanted, _quiet)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_failed_installation_tells_why_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pins = tmp_path / "pins"
    pins.mkdir()
    (pins / "theano.txt").write_text("kerasbench-has-no-such-package==1.0\n")
    monkeypatch.setattr(specification, "REQUIREMENTS", pins)
    with pytest.raises(UserError, match=r"`uv pip install` failed: .*\(log: .*theano\.log\)"):
        environments.provision(_wanted(tmp_path / "envs", OWN), print)
    assert list((tmp_path / "envs").glob("*theano-*")) == []


@pytest.mark.slow
def test_what_imports_nothing_is_not_called_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pins = tmp_path / "pins"
    pins.mkdir()
    (pins / "theano.txt").write_text("six==1.17.0\n")
    monkeypatch.setattr(specification, "REQUIREMENTS", pins)
    with pytest.raises(UserError, match=r"theano is installed but .*: ModuleNotFoundError"):
        environments.provision(_wanted(tmp_path / "envs"), print)
    assert environments.ready(_wanted(tmp_path / "envs")) is None


def _setup(folder: Path, *names: str) -> "subprocess.Popen[str]":
    code = (
        "import signal, sys; from pathlib import Path; from kerasbench import environments; "
        "from kerasbench.config.composition import backend_named; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); "  # also where a shell has it ignored
        "wanted = [environments.Specification(backend_named(name), Path(sys.argv[1])) for name in sys.argv[2:]]; "
        "environments.provision_all(wanted, lambda name: lambda step: print(name, step, flush=True))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, folder, *(names or ["theano"])],
        cwd=PROJECT, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


@pytest.mark.slow
def test_two_processes_that_ask_at_once_make_it_once_and_it_is_kept(tmp_path: Path) -> None:
    both = [_setup(tmp_path), _setup(tmp_path)]
    printed = "".join(process.communicate(timeout=300)[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert printed.count("installing") == 1
    environment = environments.ready(_wanted(tmp_path))
    assert environment is not None
    assert environment.proof["backend_version"] == "1.0.5"
    assert "theano==1.0.5" in environment.packages.read_text().lower()
    assert environments.remove(_wanted(tmp_path).backend, tmp_path) == [environment.folder]
    assert environments.ready(_wanted(tmp_path)) is None


@pytest.mark.thorough
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
    assert environments.ready(_wanted(tmp_path)) is None
    again = _setup(tmp_path)
    again.communicate(timeout=300)
    assert again.returncode == 0
    assert environments.ready(_wanted(tmp_path)) is not None
    assert list(tmp_path.glob(".theano.tmp-*")) == []


@pytest.mark.thorough
@pytest.mark.slow
def test_an_interruption_ends_all_that_are_made_at_once_and_leaves_nothing_of_them(tmp_path: Path) -> None:
    process = _setup(tmp_path, "tensorflow", "cntk", "theano")
    assert process.stdout is not None
    steps = 0
    for line in process.stdout:
        steps += "installing" in line or "importing" in line
        if steps == 4:  # one imports, the others install
            break
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 2
    os.kill(process.pid, signal.SIGINT)
    assert psutil.wait_procs(children, timeout=15)[1] == []
    process.communicate(timeout=120)  # a gibibyte is deleted
    assert process.returncode not in (0, None)
    left = {path for path in tmp_path.iterdir() if path.is_dir()}
    wanted = [_wanted(tmp_path, f"backend={name}") for name in ("tensorflow", "cntk", "theano")]
    assert left == {one.folder for one in wanted if environments.ready(one)}  # the one that was just imported, or none
    assert len(left) < 2


@pytest.mark.thorough
@pytest.mark.slow
def test_a_file_that_is_damaged_in_an_environment_is_sound_in_the_next(tmp_path: Path) -> None:
    def made() -> Path:
        folder = environments.provision(_wanted(tmp_path), print).folder
        return next(folder.glob("lib/python3.6/site-packages/six.py"))

    sound = made().read_bytes()
    with made().open("ab") as file:
        file.write(b"damaged")
    environments.remove(_wanted(tmp_path).backend, tmp_path)
    assert made().read_bytes() == sound


@pytest.mark.slow
@pytest.mark.usefixtures("without_packages")
def test_the_command_line_sets_up_lists_with_their_size_and_removes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    configured = composition.compose
    own = [f"environments.folder={tmp_path}/envs", OWN]
    monkeypatch.setattr(composition, "compose", lambda overrides: configured([*overrides, *own]))
    main(["setup", "theano", "jax"])
    assert len(list((tmp_path / "envs").glob("*-*"))) == 2
    (ready,) = (tmp_path / "envs").glob("theano-*")
    (ready / "library").write_bytes(bytes(3 * 2**20))
    capsys.readouterr()
    main(["list"])
    lines = capsys.readouterr().out.splitlines()
    (theano,) = [line for line in lines if "theano" in line]
    assert {"ready", "3", ready.name} <= set(theano.replace("│", " ").split())
    main(["remove", "theano"])
    assert not ready.exists()
    assert len(list((tmp_path / "envs").glob("jax-*"))) == 1


def test_the_command_line_refuses_an_unknown_backend(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["setup", "nosuch"])
    assert ended.value.code == 2
    assert "nosuch" in capsys.readouterr().err
