"""A real run beside a recorded GPU: what the store keeps. (Beside a real GPU: test_nvidia.py.)"""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from kerasbench.config.composition import compose
from kerasbench.config.schema import OWN
from kerasbench.jobs.place import Job
from kerasbench.jobs.run import run
from kerasbench.terminal.progress import Progress
from kerasbench.worker.protocol import now
from tests.conftest import runs_in
from tests.recorded_gpu import Recording

pytestmark = pytest.mark.slow

_AVERAGED = (
    "gpu_0_utilization_percent",
    "gpu_0_memory_mib",
    "gpu_0_power_watts",
    "system/gpu_0_temperature_celsius",
    "system/gpu_0_sm_clock_mhz",
    "system/gpu_0_memory_clock_mhz",
)


@pytest.mark.thorough
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_a_run_keeps_its_gpus_name_load_memory_power_and_energy_by_epoch(
    shrunk: list[str], store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    recording, started = Recording.under_load(seconds=600), now()
    recording.play(monkeypatch, lambda: now() - started)
    own = [override for override in shrunk if not override.startswith("hydra.")]
    slow = ["model.module=tests.integration.slow_model", "+model.build.seconds=0.2", "telemetry.interval_seconds=0.1"]
    config = compose([*own, *slow, f"backend={backend}", "trainer.batch_size=64"])
    config.backend.build = OWN  # a CPU build, but it sees the recorded GPU

    outcome = run(config, tmp_path, Job("s1"), Progress())

    assert outcome.status == "FINISHED", outcome.failure
    (kept,) = runs_in(store)
    assert kept.data.tags["hardware.gpu"] == recording.name
    assert kept.data.tags["hardware.gpu_memory_mib"] == str(recording.memory_mib)
    client = MlflowClient(store)
    for metric in _AVERAGED:
        recorded = recording.readings[metric.split("gpu_0_")[1]]
        points = client.get_metric_history(kept.info.run_id, metric)
        assert [point.step for point in points] == [1, 2], metric
        assert all(recorded.min() - 0.5 <= point.value <= recorded.max() + 0.5 for point in points), metric
    seconds, joules = (
        [point.value for point in client.get_metric_history(kept.info.run_id, metric)]
        for metric in ("epoch_seconds", "system/gpu_0_energy_joules")
    )
    watts = recording.joules(60) / 60 - recording.joules(0) / 60
    for spent, used in zip(seconds, joules, strict=True):
        assert used == pytest.approx(watts * spent, rel=0.15)  # an epoch is not a whole number of the recording's laps
