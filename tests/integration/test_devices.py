"""Several devices in one run, simulated on the CPU: the same losses as on one."""

import pytest
from mlflow import MlflowClient

from kerasbench.report import collect
from kerasbench.report.columns import columns
from tests.conftest import Train, runs_in

pytestmark = pytest.mark.slow

_ON_CPU = "backend.device=cpu"  # where devices are simulated


def _losses(store: str, backend: str) -> dict[str, list[float]]:
    """Return the loss and the validation loss of each epoch of the backend's runs, by competitor."""
    client = MlflowClient(store)
    return {
        run.data.tags["competitor"]: [
            point.value
            for metric in ("loss", "val_loss")
            for point in client.get_metric_history(run.info.run_id, metric)
        ]
        for run in runs_in(store)
        if run.data.tags["backend"] == backend
    }


@pytest.mark.thorough
def test_two_devices_compute_the_losses_of_one_and_their_speed_up_is_in_the_report(train: Train, store: str) -> None:
    """Without dropout, which TensorFlow's devices draw each for itself, and JAX's together."""
    done = train("-m", "backend=jax,tensorflow", "settings.devices=1,2", _ON_CPU, "model.build.dropout=0.0")
    assert done.returncode == 0, done.stdout + done.stderr
    runs = {run.data.tags["competitor"]: run for run in runs_in(store)}
    for backend in ("jax", "tensorflow"):
        on_one, losses = f"{backend} · {_ON_CPU}", _losses(store, backend)
        on_two = f"{on_one} settings.devices=2"
        assert losses[on_two] == pytest.approx(losses[on_one], rel=2e-5)
        assert len(losses[on_one]) == 4
        assert runs[on_two].data.tags["in_force.devices"] == "2"
        assert "in_force.devices" not in runs[on_one].data.tags
    assert len({run.data.tags["comparison.hash"] for run in runs.values()}) == 1
    (ranking,) = collect(store, "keras-backends").rankings
    assert {"examples_per_second", "speedup", "efficiency"} <= {column.key for column in columns(ranking)}
    assert set(ranking.speedups) == set(runs)


@pytest.mark.thorough
def test_jax_draws_dropout_for_all_devices_together(train: Train, store: str) -> None:
    done = train("-m", "backend=jax", "settings.devices=1,4", _ON_CPU, "trainer.epochs=1")
    assert done.returncode == 0, done.stdout + done.stderr
    one, four = (losses for _, losses in sorted(_losses(store, "jax").items()))
    assert four == pytest.approx(one, rel=2e-5)


def test_devices_that_cannot_share_the_data_stop_the_sweep_before_it_starts(train: Train, store: str) -> None:
    done = train("-m", "backend=jax", "settings.devices=1,2", _ON_CPU, "data.train_samples=641")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "data.train_samples=640" in line
    assert not runs_in(store)
