"""Environments that a user has already: read, started and proven, and never changed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kerasbench import environments
from kerasbench.config import composition
from kerasbench.environments import Specification
from kerasbench.paths import PROJECT
from kerasbench.terminal.errors import UserError
from tests.conftest import QUICK_THEANO, Train, runs_in, theano
from tests.stub.driver import Stub

Listing = dict[str, tuple[int, int, int]]


def _used(cache: Path, python: str | Path, *overrides: str) -> Specification:
    own = [f"environments.folder={cache}", f"backend.interpreter='{python}'", "environments.use=true"]
    return Specification.of(composition.compose([*own, *overrides]))


def _listing(folder: Path) -> Listing:
    states = {str(path): path.lstat() for path in (folder, *folder.rglob("*"))}
    return {path: (state.st_size, state.st_mtime_ns, state.st_ctime_ns) for path, state in states.items()}


def _add_package(folder: Path, name: str, version: str) -> None:
    described = folder / f"{name}-{version}.dist-info" / "METADATA"
    described.parent.mkdir(parents=True)
    described.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment without packages, in a folder with an odd name."""
    folder = tmp_path / "a user's venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder


@pytest.mark.slow
def test_its_packages_decide_its_folder_wherever_it_imports_them_from(tmp_path: Path, venv: Path) -> None:
    python = str(venv / "bin/python").replace("'", "\\'")
    (own,) = venv.glob("lib/python*/site-packages")
    module = tmp_path / "module"
    of_the_module = f"+backend.variables.PYTHONPATH={module}"
    _add_package(own, "mine", "1.0")
    before = _listing(venv)
    found = _used(tmp_path, python)
    assert found.used.python == venv / "bin/python"
    assert found.used.packages.split() == ["mine==1.0"]
    assert _used(tmp_path, python).folder == found.folder
    _add_package(module, "shared", "2.0")
    assert _used(tmp_path, python).folder == found.folder
    assert _used(tmp_path, python, of_the_module).used.packages.split() == ["mine==1.0", "shared==2.0"]
    assert _used(tmp_path, python, of_the_module).folder != found.folder
    assert _listing(venv) == before


def test_its_packages_are_listed_in_a_home_folder_without_room_for_uvs_cache(
    tmp_path: Path, venv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_CACHE_HOME", "UV_CACHE_DIR", "UV_NO_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".cache").touch()
    assert _used(tmp_path, str(venv / "bin/python").replace("'", "\\'")).used.packages == ""


@pytest.mark.parametrize("python", ["/nonexistent/python", "/bin/ls", "/usr", "relative/python"])
def test_what_is_no_interpreter_is_one_line_before_anything_is_written(tmp_path: Path, python: str) -> None:
    with pytest.raises(UserError, match=rf"backend\.interpreter=.*{python}") as caught:
        environments.check([_used(tmp_path / "envs", python)])
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "envs").exists()


@pytest.mark.slow
def test_what_lacks_keras_is_one_line_with_the_reason(tmp_path: Path, venv: Path) -> None:
    wanted = _used(tmp_path / "envs", str(venv / "bin/python").replace("'", "\\'"), "backend=theano")
    before = _listing(venv)
    with pytest.raises(UserError, match=r"theano.*No module named 'keras'") as caught:
        environments.provision(wanted, print)
    assert "\n" not in str(caught.value)
    assert environments.ready(wanted) is None
    assert _listing(venv) == before


@pytest.mark.slow
def test_a_run_uses_it_and_records_its_packages(stub: Stub, tmp_path: Path) -> None:
    plain = stub.run("backend=theano")
    ready = environments.ready(Specification.of(composition.compose([*stub.overrides(), "backend=theano"])))
    assert ready is not None
    module = tmp_path / "module"
    _add_package(module, "mine", "1.0")
    os.makedirs(tmp_path / "bin")
    python = tmp_path / "bin/python"  # the stub's interpreter imports the doubles and this package
    python.write_text(ready.python.read_text().replace("PYTHONPATH=", f"PYTHONPATH={module}:"))
    python.chmod(0o755)
    own = ["backend=theano", f"environments.folder={tmp_path}/envs"]
    used = stub.run(*own, f"backend.interpreter={python}", "environments.use=true")
    assert (plain.status, used.status) == ("FINISHED", "FINISHED")
    first, second = stub.runs()
    assert "packages" not in first.data.tags
    assert "mine==1.0" in second.data.tags["packages"].split()
    assert "mine==1.0" in stub.artifacts(second)["packages.txt"].read_text().split()
    assert second.data.tags["comparison.hash"] == first.data.tags["comparison.hash"]
    assert second.data.tags["environment"] != first.data.tags["environment"]


@pytest.mark.slow
def test_on_a_gpu_it_is_used_as_it_is_and_never_compared_with_a_cpu_build(stub: Stub) -> None:
    ready = environments.ready(Specification.of(composition.compose([*stub.overrides(), "backend=theano"])))
    assert ready is not None
    use = [f"backend.interpreter={ready.python}", "environments.use=true", f"environments.folder={stub.folder}/envs"]
    gpu = "backend.facts='driver=580.65 capability=9.0'"
    assert stub.run("backend=theano", *use, gpu).status == "FINISHED"
    assert stub.run("backend=theano", *use, gpu, "backend.device=cpu").status == "FINISHED"
    on_gpu, on_cpu = (run.data.tags for run in stub.runs())
    assert on_gpu["build"] == "own"
    assert "build" not in on_cpu
    assert on_gpu["comparison.hash"] != on_cpu["comparison.hash"]
    assert on_gpu["config.hash"] != on_cpu["config.hash"]


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", pytest.param("theano", marks=theano)])
def test_training_leaves_it_as_it_is_and_its_changes_are_proven_again(
    train: Train, store: str, tmp_path: Path, backend: str
) -> None:
    made = environments.provision(Specification(composition.backend_named(backend), PROJECT / ".envs"), print)
    mine = tmp_path / "mine"  # without byte code, which an import would write
    shutil.copytree(
        made.folder, mine, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "keras.json", "home")
    )
    shutil.rmtree(mine / "keras", ignore_errors=True)
    before = _listing(mine)
    own = [
        f"backend={backend}", f"backend.interpreter={mine}/bin/python", "environments.use=true",
        f"environments.folder={tmp_path}/envs",
    ]  # fmt: skip
    done = train(*own, QUICK_THEANO, "trainer.epochs=1")
    assert done.returncode == 0, done.stderr
    assert _listing(mine) == before
    (run,) = runs_in(store)
    assert run.data.tags["packages"].split() == made.packages.read_text().split()

    (site,) = mine.glob("lib/python*/site-packages")
    _add_package(site, "mine", "1.0")
    wanted = _used(tmp_path / "envs", mine / "bin/python", f"backend={backend}")
    assert environments.ready(wanted) is None
    assert "mine==1.0" in environments.provision(wanted, print).packages.read_text().split()


@pytest.mark.thorough
@pytest.mark.slow
def test_a_framework_of_another_keras_is_refused_by_name(tmp_path: Path) -> None:
    old = environments.provision(Specification(composition.backend_named("tensorflow1"), PROJECT / ".envs"), print)
    wanted = _used(tmp_path / "envs", old.python, "backend=tensorflow")
    with pytest.raises(UserError, match=r"Keras 2\.3\.1.*Keras 3"):
        environments.provision(wanted, print)
