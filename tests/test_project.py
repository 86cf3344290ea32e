"""`mlflow run`: its entry points, its managers, a fresh clone, a git URL, and the run that mlflow itself makes."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from omegaconf import OmegaConf

from kerasbench import __main__ as console
from kerasbench import project
from kerasbench.config.schema import TrackingConfig
from kerasbench.environments import interpreters
from kerasbench.environments.pip_settings import for_uv
from kerasbench.paths import PROJECT
from kerasbench.store.tracking import TrackedRun, open_store
from tests.conftest import runs_in
from tests.stub.driver import Stub

_ENTRIES = OmegaConf.select(OmegaConf.load(PROJECT / "MLproject"), "entry_points")
_BINARIES = Path(sys.executable).parent


def _words(entry: str, variables: dict[str, str] | None = None, **parameters: str) -> list[str]:
    """Return the command of kerasbench that an entry point becomes, with MLproject's defaults."""
    given = {name: one["default"] for name, one in _ENTRIES[entry]["parameters"].items()} | parameters
    arguments = [f"--{name}={value}" for name, value in given.items()]
    return project.command(project._parser().parse_args([entry, *arguments]), variables or {})


def test_each_entry_point_is_a_command_of_kerasbench() -> None:
    assert _words("main", backend="theano", overrides="trainer.epochs=1 'label=two words'") == [
        "train", "-m", "backend=theano", "model=mnist_mlp", "trainer.epochs=1", "label=two words",
    ]  # fmt: skip
    assert _words("parity", model="babi_rnn")[:3] == ["train", "-m", "task=parity"]
    assert _words("report", sweep="s1", options="--no-log") == ["report", "--sweep", "s1", "--no-log"]
    assert _words("ui", port="0") == ["ui", "--port", "0"]
    assert {_words(entry)[0] for entry in _ENTRIES} <= set(console.COMMANDS)


def test_mlflows_own_run_becomes_the_summary_of_a_sweep_and_keeps_a_reports_page() -> None:
    variables = {"MLFLOW_RUN_ID": "abc", "MLFLOW_EXPERIMENT_ID": "0"}
    assert _words("main", variables)[4:] == ["sweep.summary=abc"]
    assert _words("report", variables) == ["report", "--run", "abc"]
    assert _words("ui", variables) == ["ui", "--port", "5000"]


def test_the_experiment_that_the_user_names_is_obeyed(store: str, tmp_path: Path) -> None:
    name = "Küche's (1) \\"
    _, number = open_store(TrackingConfig(store, str(tmp_path), name, 0.0))
    variables = {"MLFLOW_TRACKING_URI": store, "MLFLOW_EXPERIMENT_ID": number}
    assert _words("report", variables) == ["report", "--experiment", name]
    (override,) = [one for one in _words("main", variables) if one.startswith("tracking.experiment=")]
    from kerasbench.config import composition

    assert composition.compose([override]).tracking.experiment == name


def test_no_run_of_ours_continues_mlflows(monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, Any] = {}
    monkeypatch.setenv("MLFLOW_RUN_ID", "abc")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "0")
    monkeypatch.setattr(sys, "argv", ["project", "main", "--backend", "theano", "--model", "mnist_mlp"])
    monkeypatch.setattr(console, "main", lambda: found.update(argv=sys.argv, environ=dict(os.environ)))
    project.main()
    assert found["argv"] == ["kerasbench", "train", "-m", "backend=theano", "model=mnist_mlp", "sweep.summary=abc"]
    assert not {"MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID"} & found["environ"].keys()


@pytest.mark.parametrize("version", [">=3.6,<3.7", ">=3.11"])
def test_an_interpreter_without_the_drivers_packages_is_told_in_one_line(tmp_path: Path, version: str) -> None:
    (tmp_path / "kerasbench").mkdir()
    for name in ("__init__.py", "project.py"):
        (tmp_path / "kerasbench" / name).write_text((PROJECT / "kerasbench" / name).read_text())
    python = str(interpreters.find(version, None, "theano"))
    command = [python, "-S", "-m", "kerasbench.project", "main", "--backend", "theano", "--model", "mnist_mlp"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "make setup" in line


def _mlflows_run(store: str, experiment: str = "Default") -> TrackedRun:
    return TrackedRun(open_store(TrackingConfig(store, "unused", experiment, 0.0), artifacts=False), "mlflow's", {})


@pytest.mark.slow
def test_a_sweep_tells_in_mlflows_run_how_it_ended_and_leaves_its_end_to_mlflow(stub: Stub) -> None:
    own = _mlflows_run(stub.store)
    done = stub.train("-m", "backend=torch,theano", f"sweep.summary={own.run_id}", "report=true")
    assert done.returncode == 0, done.stderr
    client = MlflowClient(stub.store)
    kept = client.get_run(own.run_id)
    (sweep,) = {run.data.tags["sweep"] for run in stub.runs()}
    assert (kept.info.status, kept.data.tags["sweep"], kept.data.tags["kind"]) == ("RUNNING", sweep, "report")
    assert "2 of 2 jobs" in kept.data.tags["mlflow.note.content"]
    assert "report.html" in {artifact.path for artifact in client.list_artifacts(own.run_id)}
    assert len(stub.runs()) == 2  # the page has no other run
    assert all("sweep.summary" not in run.data.tags["command"] for run in stub.runs())


def test_a_failed_job_and_a_parity_sweep_are_told_in_mlflows_run_too(stub: Stub) -> None:
    own = _mlflows_run(stub.store)
    assert stub.train("-m", f"sweep.summary={own.run_id}", *stub.failing("raise")).returncode == 1
    failed = MlflowClient(stub.store).get_run(own.run_id).data.tags["mlflow.note.content"]
    assert "0 of 1 jobs" in failed
    assert "FAILED" in failed
    own = _mlflows_run(stub.store)
    assert stub.train("-m", "task=parity", "backend=theano", f"sweep.summary={own.run_id}").returncode == 0
    assert "pass" in MlflowClient(stub.store).get_run(own.run_id).data.tags["mlflow.note.content"]


def test_a_store_without_mlflows_run_stops_the_sweep_before_it_starts(stub: Stub) -> None:
    done = stub.train("-m", "backend=torch,theano", "sweep.summary=0123456789abcdef")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: sweep.summary=0123456789abcdef")
    assert not stub.runs()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone of a repository whose last commit is the working tree: without .venv, .envs and caches."""
    origin, fresh = tmp_path / "origin", tmp_path / "fresh"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, files):
        if (PROJECT / name).is_file():
            (origin / name).parent.mkdir(parents=True, exist_ok=True)
            (origin / name).write_bytes((PROJECT / name).read_bytes())
    own = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "the working tree"]):
        subprocess.run([*own, *arguments], cwd=origin, check=True)
    subprocess.run(["git", "clone", "-q", origin, fresh], check=True)
    return fresh


@pytest.fixture
def served(clone: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a git server of the repository."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--export-all", "--listen=127.0.0.1", f"--port={port}", f"--base-path={tmp_path}", "--reuseaddr"]
    server = subprocess.Popen(["git", "daemon", *options], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield f"git://127.0.0.1:{port}/origin"
    server.terminate()
    server.wait()


Mlflow = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def mlflow_run(new_store: str, tmp_path: Path) -> Mlflow:
    """Call `mlflow run` with the test's own store and environments, and with pip's sources for uv."""
    (tmp_path / "mlruns").mkdir()

    def run(uri: str, *arguments: str, cwd: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
        environment = for_uv() | {
            "MLFLOW_TRACKING_URI": new_store,
            "MLFLOW_ENV_ROOT": str(tmp_path / "mlflow-environments"),
            "PATH": f"{_BINARIES}{os.pathsep}{os.environ['PATH']}",
        }
        command = [str(_BINARIES / "mlflow"), "run", uri, *arguments]
        return subprocess.run(
            command, cwd=cwd, env=environment | variables, capture_output=True, text=True, timeout=1200, check=False
        )

    return run


def _shrunk(cache: Path, *more: str) -> list[str]:
    overrides = [
        "trainer.epochs=1", "data.train_samples=256", "data.test_samples=64", "data.source=embedded", "noise=keep",
        f"data.cache={cache}", f"environments.folder={PROJECT}/.envs", *more,
    ]  # fmt: skip
    return ["-P", "backend=jax", "-P", f"overrides={' '.join(overrides)}"]


def _own(store: str, experiment: str = "Default") -> Run:
    """Return the newest run that mlflow itself has made."""
    return runs_in(store, experiment, "tags.`mlflow.source.type` = 'PROJECT'")[0]


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize(
    ("manager", "experiment"),
    [(["--env-manager", "local"], "mine"), ([], None), (["--env-manager", "uv"], None)],
    ids=["local", "default", "uv"],
)
def test_mlflow_run_trains_on_a_fresh_clone_into_the_store_and_experiment_that_the_user_names(
    manager: list[str], experiment: str | None, clone: Path, mlflow_run: Mlflow, new_store: str, data_cache: Path
) -> None:
    named = ["--experiment-name", experiment] if experiment else []
    done = mlflow_run(".", *manager, *named, *_shrunk(data_cache, "seed=3"), cwd=clone)
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = runs_in(new_store, experiment or "keras-backends")
    assert run.info.status == "FINISHED"
    assert (run.data.tags["backend"], run.data.params["seed"]) == ("jax", "3")
    own = _own(new_store, experiment or "Default")
    assert (own.info.status, own.data.tags["kind"]) == ("FINISHED", "report")
    assert own.data.tags["sweep"] == run.data.tags["sweep"]
    assert "1 of 1 jobs" in own.data.tags["mlflow.note.content"]


@pytest.mark.thorough
@pytest.mark.slow
def test_mlflow_run_trains_from_a_git_url_and_reports(
    served: str, mlflow_run: Mlflow, new_store: str, data_cache: Path, tmp_path: Path
) -> None:
    user, local = tmp_path / "user", ["--env-manager", "local"]
    user.mkdir()
    done = mlflow_run(served, *local, *_shrunk(data_cache, "repeats=2"), cwd=user, TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    runs = runs_in(new_store)
    assert [run.info.status for run in runs] == ["FINISHED"] * 2
    kept = tmp_path / "mlruns" / "mlruns" / "artifacts"  # beside the database, not in the temporary checkout
    assert all(str(run.info.artifact_uri).startswith(kept.as_uri()) for run in runs)
    client, own = MlflowClient(new_store), _own(new_store)
    assert "report.html" in {artifact.path for artifact in client.list_artifacts(own.info.run_id)}

    sweep = own.data.tags["sweep"]
    done = mlflow_run(served, "-e", "report", *local, "-P", f"sweep={sweep}", cwd=user, TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    drawn = _own(new_store)
    assert drawn.data.tags["mlflow.project.entryPoint"] == "report"
    assert "report.html" in {artifact.path for artifact in client.list_artifacts(drawn.info.run_id)}
