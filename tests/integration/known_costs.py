"""Work of known cost, for the checks of the clock on a CPU and on a GPU."""

import json
import os
import subprocess

from mlflow import MlflowClient
from mlflow.entities import Run

from kerasbench import environments
from kerasbench.config.composition import compose
from kerasbench.paths import PROJECT
from tests.conftest import Train, runs_in

BATCH_SECONDS = 0.1
BATCHES = 10  # of training, and as many of validation


def assert_epochs_are_their_batches(train: Train, store: str, backend: str) -> Run:
    """Train a layer of known cost; check that training and validation take that time and little more."""
    done = train(
        f"backend={backend}", "model.module=tests.integration.slow_model", f"+model.build.seconds={BATCH_SECONDS}",
        "trainer.batch_size=32", "data.train_samples=320", "data.test_samples=320", "trainer.epochs=2",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = runs_in(store)
    known = BATCH_SECONDS * BATCHES
    for metric in ("epoch_seconds", "validation_seconds"):
        history = MlflowClient(store).get_metric_history(run.info.run_id, metric)
        print(backend, metric, [round(point.value, 3) for point in history])
        assert all(point.value >= known for point in history), metric
        assert all(point.value < 1.8 * known for point in history if point.step > 1), metric  # its overhead
    return run


def assert_unfinished_work_is_waited_for(backend: str, size: int) -> None:
    """Dispatch products of matrices of a size; check that `wait` takes far longer than their dispatch."""
    environment = environments.provision(environments.Specification.of(compose([f"backend={backend}"])), print)
    done = subprocess.run(
        [environment.python, PROJECT / "tests" / "integration" / "unfinished.py", backend, str(size)],
        env=os.environ | {"PYTHONPATH": str(PROJECT), "KERAS_BACKEND": backend, "OMP_NUM_THREADS": "1"},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    seconds = json.loads(done.stdout.splitlines()[-1])
    print(backend, seconds)
    assert seconds["wait"] > 10 * seconds["dispatch"]
