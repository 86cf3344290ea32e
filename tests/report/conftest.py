import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

import pytest

from kerasbench.config.schema import TrackingConfig
from kerasbench.report import collect, page, write
from kerasbench.report.__main__ import main
from kerasbench.report.grouping import report_of
from kerasbench.report.results import Report
from kerasbench.store.runs import Run
from kerasbench.store.tracking import TrackedRun, milliseconds, open_store


class Experiment:
    """Runs as a sweep stores them, with figures chosen by a test.

    They are written to the store only when a test uses `uri`; tests of their meaning need no store.
    """

    def __init__(self, tracking: TrackingConfig) -> None:
        self.tracking, self.name = tracking, tracking.experiment
        self._runs: list[Run] = []
        self._written = 0

    @property
    def uri(self) -> str:
        """The URI of the store, with all runs written."""
        for run in self._runs[self._written :]:
            self._write(run)
        self._written = len(self._runs)
        return self.tracking.uri

    @property
    def report(self) -> Report:
        """The report of the runs, as if they had been read from the store."""
        return report_of(list(reversed(self._runs)), self.tracking.uri, self.name)

    def _write(self, run: Run) -> None:
        with TrackedRun(open_store(self.tracking), run.name, dict(run.tags)) as tracked:
            tracked.params(dict(run.params))
            epochs = sorted({epoch for values in run.histories.values() for epoch in values})
            steps = {epoch: {name: values[epoch] for name, values in run.histories.items()} for epoch in epochs}
            steps[0] = {name: value for name, value in run.metrics.items() if name not in run.histories}
            tracked.measured([(metrics, step, milliseconds()) for step, metrics in steps.items()])
            tracked.end(run.status)

    def _add(
        self,
        name: str,
        status: str,
        tags: dict[str, str],
        params: dict[str, str],
        metrics: dict[str, float],
        histories: dict[str, dict[int, float]] | None = None,
    ) -> None:
        number, histories = len(self._runs), histories or {}
        last = {metric: values[max(values)] for metric, values in histories.items()}
        self._runs.append(Run(f"run {number}", name, status, number, tags, params, last | metrics, histories))

    def run(
        self,
        backend: str,
        seconds: Sequence[float] = (3.0, 2.0, 2.0),
        accuracy: Sequence[float] | None = None,
        *,
        seed: int = 1,
        model: str = "mnist_mlp",
        failure: str = "",
        status: str = "FINISHED",
        probe: float | None = 2.3,
        losses: Sequence[float] | None = None,
        init: str = "shared",
        params: Mapping[str, str] | None = None,
        by_epoch: Mapping[str, Sequence[float]] | None = None,
        **tags: str,
    ) -> None:
        """Add a measured run; a keyword such as `data__digest` is a tag, its double underscore a dot.

        `by_epoch` are the logs of a model of the user's own, instead of those of a classifier.
        """
        losses = losses or [0.5 / epoch for epoch in range(1, len(seconds) + 1)]
        accuracy = accuracy or [0.9 + 0.01 * epoch for epoch in range(len(seconds))]
        name = f"{backend} · {model} · seed {seed}"
        own = {
            "task": "train",
            "backend": backend,
            "model": model,
            "keras.version": "3.15.1",
            "backend.version": "1.0",
            "python.version": "3.11.7",
            "data.name": "mnist",
            "data.digest": "d1",
            "data.source": "real",
            "hardware.cpu": "a processor",
            "hardware.cores": "2",
            "hardware.gpu": "none",
            "hardware.fingerprint": "h1",
            "comparison.hash": "c1",
            "sweep": "s1",
            "command": "python train.py -m",
            "git.commit": "0123456789abcdef",
            "git.dirty": "false",
            "in_force.threads": "2",
        } | {key.replace("__", "."): value for key, value in tags.items()}
        asked = {"seed": str(seed), "trainer.init": init, "trainer.epochs": str(len(seconds))}
        asked |= {"settings.threads": "2", "parity.tolerance": "0.0001"} | dict(params or {})
        if failure:
            self._add(name, "FAILED", own | {"failure": failure}, asked, {})
            return
        logs = {"loss": losses, "val_accuracy": accuracy} if by_epoch is None else dict(by_epoch)
        measured = logs | {
            "epoch_seconds": seconds,
            "elapsed_seconds": [3.0 + sum(seconds[: epoch + 1]) + 0.5 * epoch for epoch in range(len(seconds))],
            "validation_seconds": [0.5] * len(seconds),
            "examples_per_second": [6000 / spent for spent in seconds],
        }
        histories = {metric: dict(enumerate(values, start=1)) for metric, values in measured.items()}
        started = {} if probe is None else {"parity_probe_loss": probe}
        self._add(name, status, own, asked, self._of_run(seconds) | started, histories)

    @staticmethod
    def _of_run(seconds: Sequence[float]) -> dict[str, float]:
        found = {"import_seconds": 1.5, "total_seconds": 4 + sum(seconds), "peak_rss_mib": 512.25}
        found["first_epoch_seconds"] = seconds[0]
        found["time_to_first_epoch_seconds"] = 3 + seconds[0]
        if len(seconds) > 1:
            steady = median(seconds[1:])
            found |= {"steady_epoch_seconds": steady, "compile_seconds": max(0.0, seconds[0] - steady)}
        return found

    def repeated(self, backend: str, steady: Sequence[float], **more: str) -> None:
        """Add one run per steady epoch, with seeds 1, 2, ..."""
        for seed, seconds in enumerate(steady, start=1):
            self.run(backend, (seconds + 1, seconds, seconds), seed=seed, **more)  # type: ignore[arg-type]

    def parity(
        self,
        backend: str,
        deviation: float,
        failure: str = "",
        model: str = "mnist_mlp",
        sweep: str = "p1",
        **more: str,
    ) -> None:
        """Add a parity run; more: further tags."""
        tags = {"task": "parity", "backend": backend, "model": model, "sweep": sweep} | more
        params = {"parity.reference": "tensorflow", "parity.tolerance": "0.0001"}
        status, tags = ("FAILED", tags | {"failure": failure}) if failure else ("FINISHED", tags)
        self._add(f"{backend} · {model}", status, tags, params, {"parity_max_deviation": deviation})

    def reference(self, backend: str, seconds: float, model: str = "mnist_mlp") -> None:
        """Add a published figure."""
        tags = {"kind": "reference", "backend": backend, "model": model, "source": "an article", "hardware.gpu": "K80"}
        self._add(f"{backend} · 2017", "FINISHED", tags, {}, {"steady_epoch_seconds": seconds})


def page_of(report: Report) -> str:
    """Return the page without its plots, which take a second to draw."""
    return page.render(report, [], {})


@pytest.fixture(scope="session")
def shared_store(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> str:
    """A store shared by all tests of the report, because MLflow takes seconds to open one."""
    return f"sqlite:///{shutil.copy(empty_store, tmp_path_factory.mktemp('report'))}"


@pytest.fixture
def experiment(shared_store: str, tmp_path: Path) -> Experiment:
    """The test's own empty experiment."""
    return Experiment(TrackingConfig(shared_store, str(tmp_path / "artifacts"), tmp_path.name))


@pytest.fixture(scope="session")
def filled(shared_store: str, tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """An experiment with content for every part of the page, for tests that only read it."""
    experiment = Experiment(TrackingConfig(shared_store, str(tmp_path_factory.mktemp("artifacts")), "filled"))
    experiment.repeated("jax", [2.0, 2.02, 1.98])
    experiment.repeated("torch", [3.0, 3.6, 2.7], noise="other processes used 80% of a core")
    experiment.run("theano", failure="the worker died: out of memory <here>")
    experiment.repeated("jax", [0.2, 0.21, 0.2], hardware__fingerprint="h2", hardware__gpu="H100")
    experiment.repeated("torch", [0.3, 0.31, 0.3], hardware__fingerprint="h2", hardware__gpu="H100")
    experiment.parity("jax", 1e-7)
    experiment.parity("torch", 3e-2, "its loss deviates at step 2")
    experiment.reference("theano", 2.6)
    return experiment


@pytest.fixture(scope="session")
def page_file(filled: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the filled experiment."""
    return write(collect(filled.uri, filled.name), tmp_path_factory.mktemp("report")).page


Printed = Callable[..., str]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    """Run `python -m kerasbench.report` on an experiment, and return its output."""

    def run(experiment: Experiment, *arguments: str) -> str:
        main(["--uri", experiment.uri, "--experiment", experiment.name, *arguments])
        return capsys.readouterr().out

    return run
