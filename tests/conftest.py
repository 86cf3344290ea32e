"""Fixtures for all tests. They import MLflow and Hydra when they are used: pytest's first process, which only hands out
the tests, reads this file, too, and the others wait for it."""

import functools
import gc
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from kerasbench.paths import PROJECT, cache_path

if TYPE_CHECKING:
    from mlflow.entities import Run
    from playwright.sync_api import Browser

    from tests.stub.driver import Stub

SHARED_DATA = PROJECT.parent / "shared" / "data"

Train = Callable[..., subprocess.CompletedProcess[str]]

# Theano locks its cache of compiled code: of two tests that compile, one would wait for the other.
theano = pytest.mark.xdist_group("theano")
# Theano compiles a module of each kind of operation, a minute for a perceptron; its cache keeps other flags' apart.
_THEANO_FLAGS = f"device=cpu,floatX=float32,base_compiledir={cache_path('theano')},gcc.cxxflags=-O0"
THE_SAME_GRAPH = f"backend.variables.THEANO_FLAGS='{_THEANO_FLAGS}'"  # the machine code alone is not optimized
QUICK_THEANO = f"backend.variables.THEANO_FLAGS='{_THEANO_FLAGS},optimizer=fast_compile'"  # half of the time


def pytest_configure(config: pytest.Config) -> None:
    """Import MLflow as the driver does: the callback, if a test imports it first, leaves MLflow's settings alone."""
    if not config.getoption("numprocesses", None):
        gc.disable()  # while everything is imported
        from kerasbench.store import access  # noqa: F401

        # Under nohup, or in the background of a script, a signal is ignored, also by the commands that tests start; if
        # it is handled here, it is not.
        for number in (signal.SIGHUP, signal.SIGINT):
            if signal.getsignal(number) is signal.SIG_IGN:
                signal.signal(number, lambda *_: None)


def pytest_collection_finish() -> None:
    """Let no garbage collection visit what has been imported: MLflow's objects alone take a third of a second."""
    gc.freeze()
    gc.enable()


def runs_in(store: str, experiment: str = "keras-backends", chosen: str = "tags.kind IS NULL") -> list["Run"]:
    """Return a store's runs, newest first, through MLflow's own client: by default the measured ones."""
    from mlflow import MlflowClient

    client = MlflowClient(store)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    return list(client.search_runs([found.experiment_id], chosen))


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep tests from reading the user's store and data."""
    for name in (
        "MLFLOW_TRACKING_URI",
        "MLFLOW_RUN_ID",
        "KERASBENCH_DATA",
        "HYDRA_FULL_ERROR",
    ):
        monkeypatch.delenv(name, raising=False)
    yield


@pytest.fixture(scope="session", autouse=True)
def _read_once() -> Iterator[None]:
    """Read once what does not change: Hydra takes a tenth of a second for a composition, MLflow for its migrations."""
    from mlflow.store.db import utils as database

    from tests.compositions import remember

    newest = "_get_latest_schema_revision"  # for each store that is opened
    with pytest.MonkeyPatch.context() as patched:
        remember(patched)
        patched.setattr(database, newest, functools.cache(getattr(database, newest)))
        yield


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send every request to a port where nothing listens."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of this whole test run, which all of pytest's processes share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def data_cache(common: Path) -> Path:
    """A cache of prepared data, shared by the whole test run because making the stand-ins is slow."""
    folder = common / "data"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Debian's Chromium, without a window."""
    chromium = shutil.which("chromium")
    assert chromium, "the browser tests need chromium on the PATH"
    from playwright.sync_api import sync_playwright  # not at the top: a machine for the GPU tests may lack it

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium)
        yield running
        running.close()


@pytest.fixture(scope="session")
def empty_store(common: Path) -> Path:
    """A store's database without runs, made once because MLflow takes two seconds for it."""
    from mlflow import MlflowClient

    database = common / "store" / "mlflow.db"
    with FileLock(common / "store.lock"):
        if not database.exists():
            MlflowClient(f"sqlite:///{database}").search_experiments()
    return database


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a real MLflow server on a real PostgreSQL; tests keep apart by their experiments' names."""
    from tests.deployment import postgres

    with postgres.folder() as folder, postgres.running(folder) as address:
        yield address


@pytest.fixture
def new_store(tmp_path: Path) -> str:
    """The URI of the test's own MLflow store, which does not exist yet."""
    return f"sqlite:///{tmp_path}/mlruns/mlflow.db"


@pytest.fixture
def store(new_store: str, tmp_path: Path, empty_store: Path) -> str:
    """The URI of the test's own MLflow store, which exists and is empty."""
    (tmp_path / "mlruns").mkdir()
    shutil.copy(empty_store, tmp_path / "mlruns")
    return new_store


@pytest.fixture
def shrunk(tmp_path: Path, store: str, data_cache: Path) -> list[str]:
    """Overrides that shrink a run to a second or two and make it write to the test's own folder."""
    return [
        f"tracking.uri={store}",
        f"tracking.artifacts={tmp_path}/artifacts",
        f"data.cache={data_cache}",
        f"hydra.run.dir={tmp_path}/outputs",
        f"hydra.sweep.dir={tmp_path}/outputs",
        "data.source=embedded",
        "data.train_samples=640",
        "data.test_samples=128",
        "trainer.epochs=2",
        "report=false",
        "noise=keep",  # the machine may be busy
        # Beside another test, a second OpenMP thread spins, and makes PyTorch and CNTK several times slower.
        *(["settings.threads=1"] if "PYTEST_XDIST_WORKER" in os.environ else []),
    ]


@pytest.fixture
def command(shrunk: list[str]) -> Callable[..., list[str]]:
    """The command line of a shrunk run."""

    def line(*arguments: str) -> list[str]:
        flags = [argument for argument in arguments if argument.startswith("-")]  # argparse expects flags first
        shortened = ("trainer.epochs=", "data.train_samples=", "data.test_samples=")  # what only training takes
        kept = [one for one in shrunk if not ("task=parity" in arguments and one.startswith(shortened))]
        return [sys.executable, str(PROJECT / "train.py"), *flags, *kept, *arguments[len(flags) :]]

    return line


@pytest.fixture
def train(command: Callable[..., list[str]], tmp_path: Path) -> Train:
    """Run a shrunk train.py from a folder outside the project, and return the completed process."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments), cwd=tmp_path, env=os.environ | variables, capture_output=True, text=True, timeout=600
        )

    return run


@pytest.fixture(scope="session")
def stub_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of prepared data with the stub's few images."""
    from tests.stub.environments import write_data

    cache = tmp_path_factory.mktemp("stub-data")
    write_data(cache)
    return cache


@pytest.fixture(scope="session")
def stub_in(tmp_path_factory: pytest.TempPathFactory, stub_data: Path, empty_store: Path) -> Callable[[Path], "Stub"]:
    """Return a function that makes a stub in a folder, for tests that share one; `stub` belongs to one test."""
    from tests.stub.driver import Stub
    from tests.stub.environments import write_environments

    environments = tmp_path_factory.mktemp("stub-environments")
    write_environments(environments)
    return lambda folder: Stub(folder / "stub", environments, stub_data, empty_store)


@pytest.fixture
def stub(tmp_path: Path, stub_in: Callable[[Path], "Stub"]) -> "Stub":
    """A train.py whose workers compute in NumPy, in milliseconds; everything else is real."""
    return stub_in(tmp_path)
