"""Runs the whole driver against stub workers: in this process, which saves importing MLflow, or in a new one."""

import contextlib
import gc
import io
import itertools
import os
import runpy
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from mlflow import MlflowClient
from mlflow.entities import Run

from kerasbench.config import composition
from kerasbench.jobs import run as running
from kerasbench.paths import PROJECT
from kerasbench.process import interruption
from kerasbench.tasks.outcome import Outcome
from kerasbench.terminal.progress import Progress

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stub:
    """A folder with its own store, and train.py to fill it."""

    def __init__(self, folder: Path, environments: Path, data: Path, empty_store: Path) -> None:
        """Keep everything in `folder`; the environments, the data cache and the initial database are shared."""
        (folder / "mlruns").mkdir(parents=True)
        shutil.copy(empty_store, folder / "mlruns" / "mlflow.db")
        self.folder = folder
        self.store = f"sqlite:///{folder}/mlruns/mlflow.db"
        self.shared_folders = [environments, data]
        self._shared = [f"environments.folder={environments}", f"data.cache={data}"]
        self._numbers = itertools.count()
        self.outputs = folder  # outputs of the last command

    def overrides(self, *given: str) -> list[str]:
        """Return overrides that direct a run to the stub, and shrink it unless a script decides what it trains.

        Hydra's folders are new for every run.
        """
        self.outputs = self.folder / f"outputs-{next(self._numbers)}"
        environments, data = self._shared
        of_training, of_parity = ["trainer.epochs=2", "trainer.batch_size=32"], ["parity.batch_size=8"]
        of_task = of_parity if "task=parity" in given else of_training
        shrunk = [data, "data.source=embedded", "model.build.units=16", *of_task]
        return [
            environments, f"tracking.uri={self.store}", f"tracking.artifacts={self.folder}/artifacts",
            f"hydra.run.dir={self.outputs}", f"hydra.sweep.dir={self.outputs}", "telemetry.interval_seconds=0.05",
            "report=false", "noise=keep", *([] if any(one.startswith("script=") for one in given) else shrunk),
        ]  # fmt: skip

    def command(self, *arguments: str) -> list[str]:
        """Return train.py and its arguments: flags, then overrides, where the given ones take precedence."""
        flags = [argument for argument in arguments if argument.startswith("-")]
        return [str(PROJECT / "train.py"), *flags, *self.overrides(*arguments), *arguments[len(flags) :]]

    def run(self, *overrides: str) -> Outcome:
        """Run as train.py does, but without its command line: call `kerasbench.jobs.run` in this process."""
        own = [override for override in self.overrides(*overrides) if not override.startswith("hydra.")]
        config = composition.compose([*own, *overrides])
        self.outputs.mkdir()
        job = running.Job("a sweep")  # type: ignore[attr-defined]  # wherever it is defined
        with _untouched():
            return running.run(config, self.outputs, job, Progress(quiet=True))

    def train(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run train.py in this process, and return the completed process."""
        command = self.command(*arguments)
        output, errors = io.StringIO(), io.StringIO()
        status: object = 0
        with _untouched(), mock.patch.object(sys, "argv", command):
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
                try:
                    runpy.run_path(command[0], run_name="__main__")
                except SystemExit as ended:
                    status = ended.code or 0
        assert isinstance(status, int), status
        return subprocess.CompletedProcess(command, status, output.getvalue(), errors.getvalue())

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start train.py in a new process."""
        command = [sys.executable, *self.command(*arguments)]
        return subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def failing(self, fault: str, after: int = 0, on: str = "") -> list[str]:
        """Return overrides for a model with a fault, or a sweep over faults separated by commas; see model.py."""
        return [
            "model.module=tests.stub.model", "model.float64_reference=null",
            f"+model.build.fault={fault}", f"+model.build.after={after}", f"+model.build.on={on}",
        ]  # fmt: skip

    def waiting(self, on: str = "") -> list[str]:
        """Return overrides that make jobs wait in their first epoch until the file `open` is in the folder."""
        return [*self.failing("wait", on=on), f"+model.build.gate={self.folder}/open"]

    def runs(self) -> list[Run]:
        """Return the store's runs, oldest first."""
        client = MlflowClient(self.store)
        experiment = client.get_experiment_by_name("keras-backends")
        return list(client.search_runs([experiment.experiment_id], order_by=["start_time"])) if experiment else []

    def artifacts(self, run: Run) -> dict[str, Path]:
        """Return a run's artifacts by name."""
        return {path.name: path for path in Path(str(run.info.artifact_uri).removeprefix("file://")).iterdir()}

    def history(self, run: Run, metric: str) -> dict[int, float]:
        """Return a metric's value at each step."""
        return {
            point.step: point.value for point in MlflowClient(self.store).get_metric_history(run.info.run_id, metric)
        }


@contextlib.contextmanager
def _untouched() -> Iterator[None]:
    """Undo the changes that train.py makes to its process, because it expects a process of its own."""
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    # What a command leaves behind is garbage here: another one follows.
    with mock.patch.dict(os.environ), mock.patch.object(gc, "freeze"):
        try:
            yield
        finally:
            interruption.install()  # forgets the signals that were received
            for number, handler in handlers.items():
                signal.signal(number, handler)
            gc.enable()
