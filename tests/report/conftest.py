from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import pytest

from kerasbench.report import collect, write
from kerasbench.report.__main__ import main
from kerasbench.schema import TrackingConfig
from kerasbench.tracking import TrackedRun, open_store


class Experiment:
    """Writes runs as a sweep does, with figures that a test chooses."""

    def __init__(self, tracking: TrackingConfig) -> None:
        self.tracking = tracking
        self.uri, self.name = tracking.uri, tracking.experiment

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
        probe: float = 2.3,
        losses: Sequence[float] | None = None,
        **tags: str,
    ) -> str:
        """Write a measured run; a keyword such as `data__digest` is a tag, its double underscore a dot."""
        losses = losses or [0.5 / epoch for epoch in range(1, len(seconds) + 1)]
        accuracy = accuracy or [0.9 + 0.01 * epoch for epoch in range(len(seconds))]
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
        with TrackedRun(open_store(self.tracking), f"{backend} · {model} · seed {seed}", own) as tracked:
            tracked.params({"seed": str(seed), "trainer.init": "shared", "trainer.epochs": str(len(seconds))})
            tracked.params({"settings.threads": "2", "parity.tolerance": "0.0001"})
            if failure:
                tracked.fail(failure)
                return tracked.run_id
            for epoch, (spent, loss, reached) in enumerate(zip(seconds, losses, accuracy, strict=True), start=1):
                tracked.metrics(
                    {
                        "epoch_seconds": spent,
                        "elapsed_seconds": 3.0 + sum(seconds[:epoch]) + 0.5 * (epoch - 1),
                        "validation_seconds": 0.5,
                        "examples_per_second": 6000 / spent,
                        "loss": loss,
                        "val_accuracy": reached,
                    },
                    step=epoch,
                )
            tracked.metrics(self._of_run(seconds) | {"parity_probe_loss": probe})
            tracked.end(status)
            return tracked.run_id

    @staticmethod
    def _of_run(seconds: Sequence[float]) -> dict[str, float]:
        found = {"import_seconds": 1.5, "total_seconds": 4 + sum(seconds), "peak_rss_mib": 512.25}
        found["first_epoch_seconds"] = seconds[0]
        if len(seconds) > 1:
            steady = median(seconds[1:])
            found |= {"steady_epoch_seconds": steady, "compile_seconds": max(0.0, seconds[0] - steady)}
        return found

    def repeated(self, backend: str, steady: Sequence[float], **more: str) -> None:
        """Write a run for each of some steady epochs, with the seeds 1, 2, ..."""
        for seed, seconds in enumerate(steady, start=1):
            self.run(backend, (seconds + 1, seconds, seconds), seed=seed, **more)  # type: ignore[arg-type]

    def parity(self, backend: str, deviation: float, failure: str = "", model: str = "mnist_mlp") -> None:
        """Write a parity run."""
        tags = {"task": "parity", "backend": backend, "model": model, "sweep": "p1"}
        with TrackedRun(open_store(self.tracking), f"{backend} · {model}", tags) as tracked:
            tracked.params({"parity.reference": "tensorflow", "parity.tolerance": "0.0001"})
            tracked.metrics({"parity_max_deviation": deviation})
            if failure:
                tracked.fail(failure)

    def reference(self, backend: str, seconds: float, model: str = "mnist_mlp") -> None:
        """Write a published figure."""
        tags = {"kind": "reference", "backend": backend, "model": model, "source": "an article", "hardware.gpu": "K80"}
        with TrackedRun(open_store(self.tracking), f"{backend} · 2017", tags) as tracked:
            tracked.metrics({"steady_epoch_seconds": seconds})


@pytest.fixture(scope="session")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store for all tests of the report: MLflow takes seconds to make one."""
    return f"sqlite:///{tmp_path_factory.mktemp('report')}/mlflow.db"


@pytest.fixture
def experiment(shared_store: str, tmp_path: Path) -> Experiment:
    """An empty experiment of the test's own."""
    return Experiment(TrackingConfig(shared_store, str(tmp_path / "artifacts"), tmp_path.name))


@pytest.fixture(scope="session")
def filled(shared_store: str, tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """An experiment with something for every part of the page, for tests that only read it."""
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
    """Run `python -m kerasbench.report` on an experiment, and return what it prints."""

    def run(experiment: Experiment, *arguments: str) -> str:
        main(["--uri", experiment.uri, "--experiment", experiment.name, *arguments])
        return capsys.readouterr().out

    return run
