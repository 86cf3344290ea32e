"""A real run beside a recorded GPU: what the store keeps of it."""

import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from kerasbench.config import compose
from kerasbench.outcome import Job
from kerasbench.progress import Progress
from kerasbench.run import run
from tests.conftest import runs_in
from tests.recorded_gpu import Recording

pytestmark = pytest.mark.slow

_LOADED_FROM = 7.5  # seconds into the recording


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_a_run_keeps_its_gpus_name_load_memory_power_and_energy_by_epoch(
    shrunk: list[str], store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    recording, started = Recording(), time.time()
    recording.play(monkeypatch, lambda: time.time() - started + _LOADED_FROM)
    own = [override for override in shrunk if not override.startswith("hydra.")]
    slow = ["model.module=tests.integration.slow_model", "+model.build.seconds=0.2", "telemetry.interval_seconds=0.1"]
    config = compose([*own, *slow, f"backend={backend}", "trainer.batch_size=64"])

    outcome = run(config, tmp_path, Job("s1"), Progress())

    assert outcome.status == "FINISHED", outcome.failure
    (kept,) = runs_in(store)
    assert kept.data.tags["hardware.gpu"] == recording.name
    history = {
        metric: MlflowClient(store).get_metric_history(kept.info.run_id, metric)
        for metric in ("gpu_0_utilization_percent", "gpu_0_memory_mib", "gpu_0_power_watts")
    }
    seconds, joules = (
        [point.value for point in MlflowClient(store).get_metric_history(kept.info.run_id, metric)]
        for metric in ("epoch_seconds", "system/gpu_0_energy_joules")
    )
    loaded = recording.seconds >= _LOADED_FROM - 1.1  # the reading before it is the newest one then
    for metric, points in history.items():
        recorded = getattr(recording, metric.removeprefix("gpu_0_"))[loaded]
        assert [point.step for point in points] == [1, 2], metric
        assert all(recorded.min() <= point.value <= recorded.max() for point in points), metric
    watts = recording.power_watts[loaded]
    for spent, used in zip(seconds, joules, strict=True):
        assert watts.min() * spent <= used <= watts.max() * spent
