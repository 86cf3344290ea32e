"""Batches from the device's memory: the same training as without, on the three backends that can."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from kerasbench.config.composition import compose
from kerasbench.config.schema import OWN
from kerasbench.jobs.place import Job
from kerasbench.jobs.run import run
from kerasbench.terminal.progress import Progress
from tests.conftest import runs_in

pytestmark = pytest.mark.slow


@pytest.mark.thorough
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_it_trains_as_it_does_without(shrunk: list[str], store: str, tmp_path: Path, backend: str) -> None:
    own = [override for override in shrunk if not override.startswith("hydra.")]
    for number, on_device in enumerate((False, True)):
        # 600 examples, so that the last batch is not whole.
        config = compose([*own, f"backend={backend}", "data.train_samples=600", "trainer.epochs=3"])
        config.backend.build = OWN  # the command line refuses it without a GPU; here, the device is the CPU
        config.settings.data_on_device = on_device
        folder = tmp_path / str(number)
        folder.mkdir()
        outcome = run(config, folder, Job("s1"), Progress())
        assert outcome.status == "FINISHED", outcome.failure
    client = MlflowClient(store)
    losses = [
        [[point.value for point in client.get_metric_history(kept.info.run_id, metric)] for metric in _FIGURES]
        for kept in runs_in(store)
    ]
    print(backend, losses)
    assert [len(values) for values in losses[0]] == [3, 3, 3]
    assert losses[0] == [pytest.approx(values, rel=1e-6) for values in losses[1]]


_FIGURES = ("loss", "accuracy", "val_loss")
