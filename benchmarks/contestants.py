"""The contestants: a bare Keras script, the same script with MLflow's callback, and train.py, in one environment."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import uv
from mlflow import MlflowClient
from mlflow.entities import Metric
from packaging.version import Version

from benchmarks import processes
from kerasbench import environments
from kerasbench.config import settings
from kerasbench.config.composition import compose
from kerasbench.config.schema import Config
from kerasbench.data import prepare
from kerasbench.environments import pip_settings
from kerasbench.paths import REQUIREMENTS, cache_path
from kerasbench.process import worker_process
from kerasbench.store.tracking import open_store
from kerasbench.terminal.errors import UserError
from kerasbench.terminal.progress import Announce

_SCRIPT = Path(__file__).with_name("bare_keras.py")
_TIMED = Path(__file__).with_name("timed_script.py")
_OWN_MODEL = Path(__file__).with_name("own_model.py")
_CACHE = Path(cache_path("benchmarks"))
_DRIVER = REQUIREMENTS / "driver.txt"
_MLFLOW_PYTHON = Version("3.10")  # the oldest that MLflow supports

Figures = dict[str, float]


@dataclass(frozen=True)
class Job:
    """The amount of training.

    Attributes:
        epochs: number of epochs of one run.
        samples: number of training examples, None for all; validation uses a sixth as many, as in MNIST itself.
    """

    epochs: int
    samples: int | None

    @property
    def overrides(self) -> list[str]:
        """The job as overrides of train.py."""
        few = [] if self.samples is None else [
            f"data.train_samples={self.samples}", f"data.test_samples={max(1, self.samples // 6)}",
        ]  # fmt: skip
        return [f"trainer.epochs={self.epochs}", *few]


class Contestants:
    """The contestants on one backend. Each call runs a new process from start to end."""

    def __init__(
        self, backend: str, overrides: list[str], folder: Path, announce: Announce, own_examples: int, mlflow: bool
    ) -> None:
        """Prepare everything that is made once: the environments, the data, the stores.

        Args:
            backend: the backend's name.
            overrides: further overrides of train.py; they apply to all contestants.
            folder: a new folder for stores and logs.
            announce: receives a message before each slow step.
            own_examples: training examples of the user's own data.
            mlflow: whether MLflow's callback is among them, which needs an environment of its own.
        """
        folder.mkdir(parents=True)
        self._folder = folder
        self._where = [f"backend={backend}", f"tracking.artifacts={folder}/artifacts"]
        self._overrides = [*self._where, "model=mnist_mlp", *overrides]
        config = compose(self._overrides)
        self._environment = environments.provision(environments.Specification.of(config), announce)
        self._with_mlflow = _with_mlflow(config, self._environment, announce) if mlflow else None
        self._data = prepare(config.data)
        self._own_examples = own_examples
        self._number = count(1)
        self._clients = {who: self._store(who) for who in ("train", "mlflow")}

    @cached_property
    def _own_file(self) -> Path:
        """The user's own data, vectors of 4 KiB."""
        examples, random = self._own_examples, np.random.default_rng(1)
        x, y = random.random((examples + 2000, 1024), np.float32), random.integers(0, 10, examples + 2000)
        file = self._folder / "own.npz"
        np.savez(file, x_train=x[2000:], y_train=y[2000:], x_test=x[:2000], y_test=y[:2000])
        return file

    @property
    def versions(self) -> dict[str, str]:
        """The versions of Keras, the backend and its Python."""
        return dict(self._environment.proof)

    @property
    def has_mlflow(self) -> bool:
        """Whether MLflow can be installed beside the backend: it needs a recent Python."""
        return self._with_mlflow is not None

    def bare(self, job: Job) -> Figures:
        """Run the bare script: one `fit` for all epochs."""
        return self._script("whole", job, self._environment.folder)

    def bare_steady(self, job: Job) -> Figures:
        """Run the bare script to measure its steady epoch."""
        return self._script("steady", job, self._environment.folder)

    def mlflow(self, job: Job) -> Figures:
        """Run the script with MLflow's callback."""
        assert self._with_mlflow is not None
        return self._script("mlflow", job, self._with_mlflow)

    def train(self, job: Job) -> Figures:
        """Run train.py once and read its figures from the store."""
        finished = self._train_py("hydra.run.dir={}", *self._overrides, *job.overrides)
        metrics, epochs = self._newest()
        seconds = [metric.value for metric in epochs[1:]]
        return metrics | {
            "process_seconds": finished.seconds,
            "parent_rss_mib": finished.peak_rss_mib,
            # The bare script's epoch is a mean, so this is a mean, too; the tool itself reports the median.
            "epoch_seconds": fmean(seconds),
            "epoch_median_seconds": median(seconds),
            "epoch_wall_seconds": (epochs[-1].timestamp - epochs[0].timestamp) / 1000 / len(seconds),
        }

    def own(self, job: Job) -> Figures:
        """Train a user's own model on a user's own data with train.py."""
        own = [f"model={_OWN_MODEL}:build", f"data={self._own_file}", f"trainer.epochs={job.epochs}"]
        self._train_py("hydra.run.dir={}", *self._where, *own)
        return self._newest()[0]

    def bare_own(self, job: Job) -> Figures:
        """Train the same model on the same arrays with the bare script."""
        return self._script("whole", job, self._environment.folder, own_data=str(self._own_file))

    def script(self, epochs: int) -> Figures:
        """Run the user's own script with train.py."""
        self._train_py("hydra.run.dir={}", *self._where, f"script={_TIMED}", f"args='{epochs}'")
        return {"epoch_seconds": fmean(metric.value for metric in self._newest()[1][1:])}

    def bare_script(self, epochs: int) -> Figures:
        """Run the user's own script as it is, with a worker's environment variables."""
        log = self._folder / f"{next(self._number)}-bare-script.log"
        python = self._environment.folder / "bin" / "python"
        finished = processes.run(
            [python, _TIMED, str(epochs)], self._variables(compose(self._overrides), self._environment.folder), log
        )
        return {"epoch_seconds": fmean(json.loads(finished.output.splitlines()[-1])["epoch_seconds"][1:])}

    def sweep(self, job: Job, jobs: int) -> Figures:
        """Run a sweep of `jobs` repeats without its report, which is made once for any number of jobs."""
        sweep = ["-m", *self._overrides, *job.overrides, f"repeats={jobs}", "report=false"]
        finished = self._train_py("hydra.sweep.dir={}", *sweep)
        return {"process_seconds": finished.seconds, "parent_rss_mib": finished.peak_rss_mib}

    def _train_py(self, where: str, *arguments: str) -> processes.Finished:
        name = f"{next(self._number)}-train"
        store = f"tracking.uri={self._uri('train')}"
        command = [sys.executable, "train.py", *arguments, store, where.format(self._folder / name)]
        return processes.run(command, os.environ, self._folder / f"{name}.log")

    def _newest(self) -> tuple[Figures, list[Metric]]:
        """Return the metrics of the newest run of train.py, and its `epoch_seconds` in their order."""
        client, experiment = self._clients["train"]
        (run,) = client.search_runs([experiment], max_results=1)
        epochs = client.get_metric_history(run.info.run_id, "epoch_seconds")
        return dict(run.data.metrics), sorted(epochs, key=lambda metric: metric.step)

    def _variables(self, config: Config, environment: Path) -> dict[str, str]:
        """Return a worker's environment variables."""
        resolved = settings.resolve(config.backend, config.settings, config.model.convolutional)
        variables = worker_process.variables(
            environment, config.backend.framework, resolved.threads, resolved.variables
        )
        # The callback does not wait for a network: its best case.
        return dict(variables, MLFLOW_DISABLE_TELEMETRY="true")

    def _script(self, task: str, job: Job, environment: Path, **more: str) -> Figures:
        """Run the bare script with a worker's environment variables."""
        config = compose([*self._overrides, *job.overrides])
        optimizer = config.model.optimizer
        spec: dict[str, Any] = (
            config.model.build
            | {
                "task": task,
                "path": self._data.path,
                "classes": self._data.classes,
                "train_samples": config.data.train_samples,
                "test_samples": config.data.test_samples,
                "epochs": job.epochs,
                "batch_size": config.trainer.batch_size,
                "optimizer": {name: optimizer[name] for name in ("learning_rate", "rho", "epsilon")},
                "tracking_uri": self._uri("mlflow"),
                "experiment": config.tracking.experiment,
            }
            | more
        )
        log = self._folder / f"{next(self._number)}-{task}.log"
        finished = processes.run(
            [environment / "bin" / "python", _SCRIPT, json.dumps(spec)], self._variables(config, environment), log
        )
        figures: Figures = json.loads(finished.output.splitlines()[-1])
        return figures | {"process_seconds": finished.seconds}

    def _uri(self, who: str) -> str:
        return f"sqlite:///{self._folder}/{who}/mlflow.db"

    def _store(self, who: str) -> tuple[MlflowClient, str]:
        tracking = compose([*self._overrides, f"tracking.uri={self._uri(who)}"]).tracking
        return open_store(tracking)


def _with_mlflow(config: Config, environment: environments.Environment, announce: Announce) -> Path | None:
    """Return an environment with the same interpreter and packages plus MLflow; None where MLflow does not run.

    It is cached; the project's own environments stay unchanged.
    """
    if Version(environment.proof["python_version"]) < _MLFLOW_PYTHON:
        return None
    backend = config.backend.name
    requirements = REQUIREMENTS / config.backend.requirements
    mlflow = next(line.split()[0] for line in _DRIVER.read_text().splitlines() if line.startswith("mlflow=="))
    contents = "|".join([requirements.read_text(), _DRIVER.read_text(), str(environment.python.resolve())])
    folder = _CACHE / f"{backend}-mlflow-{hashlib.sha256(contents.encode()).hexdigest()[:12]}"
    if folder.exists():
        return folder
    announce(f"installing {backend} with {mlflow} into one environment (first use only)")
    unproven = _CACHE / f"unproven-{backend}"
    _uv("venv", "--clear", "--no-project", "--python", environment.python.resolve(), unproven)
    _uv("pip", "install", "--compile-bytecode", "--python", unproven / "bin" / "python",
        "--requirement", requirements, mlflow, "--constraint", _DRIVER)  # fmt: skip
    unproven.rename(folder)
    return folder


def _uv(*arguments: str | Path) -> None:
    done = subprocess.run(
        [uv.find_uv_bin(), *arguments], env=pip_settings.for_uv(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UserError(f"`uv {arguments[0]}` failed: {' '.join(done.stderr.split())}")
