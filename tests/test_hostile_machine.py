"""Training on an unusual machine: its folder's name, locale, HOME and clock, and a reader that ends."""

import ast
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from mlflow import MlflowClient

from kerasbench import environments
from kerasbench.config.composition import backend_named
from kerasbench.config.schema import TrackingConfig
from kerasbench.paths import CHECKOUT, PROJECT, sqlite_uri
from kerasbench.store.tracking import open_store
from tests.conftest import Train, runs_in, theano
from tests.stub.driver import Stub

_ODD_NAME = "Küche %2F it's, a=b #1?"
_CODE = ("conf", "hydra_plugins", "kerasbench", "models", "requirements", "train.py")
_MATPLOTLIBRC = "backend: nosuch\nsvg.fonttype: none\nfont.size: 40\naxes.facecolor: black\nno such key: 1\n"
# Files that may use the system clock: times of day in the store and its pages, and telemetry's comparison.
_MAY_ASK_THE_TIME_OF_DAY = {"store/tracking.py", "store/pages.py", "report/page.py", "machine/telemetry.py"}


def _copy_of_the_project(folder: Path) -> Path:
    """Copy the project as a user has it to a folder with an unusual name."""
    odd = folder / _ODD_NAME
    odd.mkdir()
    assert CHECKOUT
    for name in _CODE:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, odd / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, odd)
    (odd / "matplotlibrc").write_text(_MATPLOTLIBRC, encoding="utf-8")  # matplotlib reads it from the working folder
    return odd


def _hostile(odd: Path) -> dict[str, str]:
    """Return variables without a locale, with a HOME that cannot be made, and with others' settings."""
    return {
        "PATH": os.environ["PATH"], "HOME": "/proc/nonexistent", "LC_ALL": "C", "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0", "GIT_DIR": "/nonexistent", "THEANO_FLAGS": "floatX=float64",
        "MATPLOTLIBRC": str(odd),
    }  # fmt: skip


@pytest.mark.thorough
@pytest.mark.slow
def test_a_sweep_and_its_report_work_in_an_odd_folder_without_a_locale_or_a_home(
    tmp_path: Path, store: str, data_cache: Path
) -> None:
    environments.provision(environments.Specification(backend_named("theano"), PROJECT / ".envs"), print)
    odd = _copy_of_the_project(tmp_path)
    backend = odd / "conf" / "backend" / "theano.yaml"
    quick = "floatX=float32,optimizer=fast_compile,gcc.cxxflags=-O0,"  # it compiles in half of the time
    backend.write_text(backend.read_text(encoding="utf-8").replace("floatX=float32,", quick), encoding="utf-8")
    line = [
        sys.executable, "train.py", "-m", "backend=theano", "seed=1,2", "trainer.epochs=2",
        "data.source=embedded", "data.train_samples=128", "data.test_samples=64", f"data.cache={data_cache}",
        f"environments.folder={PROJECT / '.envs'}",
    ]  # fmt: skip
    hostile = _hostile(odd) | {"MLFLOW_TRACKING_URI": store}
    open_store(TrackingConfig(store, str(odd / "mlruns" / "artifacts"), "keras-backends"))
    done = subprocess.run(line, cwd=odd, env=hostile, capture_output=True, timeout=900, check=False)
    printed = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, printed
    assert "Traceback" not in printed
    runs = runs_in(store)
    assert [run.info.status for run in runs] == ["FINISHED", "FINISHED"]
    assert {run.data.tags["in_force.floatX"] for run in runs} == {"float32"}
    artifacts = {artifact.path for artifact in MlflowClient(store).list_artifacts(runs[0].info.run_id)}
    assert artifacts == {"config.yaml", "packages.txt", "worker.log"}
    assert len(list((odd / "outputs").rglob("report.html"))) == 1
    assert list((odd / ".cache" / "theano").rglob("*.so"))  # Theano has compiled there


@pytest.mark.thorough
@pytest.mark.slow
def test_every_command_works_in_an_odd_folder_with_the_store_in_it(tmp_path: Path, stub: Stub) -> None:
    odd = _copy_of_the_project(tmp_path)
    small = [one for one in stub.overrides() if one.startswith(("environments.", "data.", "model.", "trainer."))]
    placed = [one for one in small if not one.startswith("trainer.")]

    def run(*command: str) -> str:
        line = [sys.executable, *command]
        done = subprocess.run(line, cwd=odd, env=_hostile(odd), capture_output=True, timeout=300, check=False)
        printed = (done.stdout + done.stderr).decode(errors="replace")
        assert done.returncode == 0, printed
        assert "Traceback" not in printed
        assert "atplotlib" not in printed  # its complaints about a file that no plot uses, and about its cache
        return printed

    run("train.py", "-m", "backend=theano,torch", *small)
    run("train.py", "task=parity", "backend=theano", "parity.reference=torch", "parity.batch_size=8", *placed)
    run("-m", "kerasbench", "report")
    assert len(list((odd / "outputs").rglob("report.html"))) == 2  # the sweep's own, and the command's
    runs = runs_in(sqlite_uri(odd / "mlruns" / "mlflow.db"))
    assert [(run.data.tags["task"], run.info.status) for run in runs] == [
        ("parity", "FINISHED"), ("train", "FINISHED"), ("train", "FINISHED"),
    ]  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-m", "kerasbench", "ui", "--port", "0"], cwd=odd, env=_hostile(odd), stdout=subprocess.PIPE
    ) as serving:
        assert serving.stdout
        link = next(line for line in serving.stdout if line.startswith(b"http://127.0.0.1:")).decode()
        assert requests.get(link.partition("/#")[0], timeout=60).ok
        serving.send_signal(signal.SIGINT)
    assert serving.returncode == 0


@pytest.mark.thorough
@pytest.mark.slow
@theano
def test_a_clock_that_is_set_back_an_hour_changes_no_duration(train: Train, store: str) -> None:
    done = train(
        "backend=theano", "model.module=tests.integration.clock_set_back", "trainer.epochs=4",
        "telemetry.interval_seconds=0.01",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = runs_in(store)
    client = MlflowClient(store)
    elapsed = [point.value for point in client.get_metric_history(run.info.run_id, "elapsed_seconds")]
    assert 0 < elapsed[0] < elapsed[-1] <= run.data.metrics["total_seconds"] < 3000
    samples = [point.value for point in client.get_metric_history(run.info.run_id, "system/samples")]
    assert sum(samples) > 0


@pytest.mark.slow
def test_training_goes_on_and_is_kept_when_the_reader_of_its_output_ends(stub: Stub) -> None:
    with stub.start("-m", "backend=theano", "seed=1,2", "trainer.epochs=20") as process:
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        told = process.stderr.read()
    assert process.returncode == 0, told
    assert len(told.splitlines()) == 1
    assert [run.info.status for run in stub.runs()] == ["FINISHED", "FINISHED"]


@pytest.mark.slow
def test_only_what_shows_a_time_of_day_asks_for_it() -> None:
    """Durations and the protocol's times come from `protocol.now`, a clock that cannot be set."""
    package = PROJECT / "kerasbench"
    asking = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("time.time", "time.time_ns"):
                asking.add(path.relative_to(package).as_posix())
    assert asking == _MAY_ASK_THE_TIME_OF_DAY
