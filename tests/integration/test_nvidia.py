"""With an NVIDIA GPU (`make gpu`): what a run records of it, checked against nvidia-smi, and the clock.

Without a GPU these tests fail instead of being skipped; `make test` excludes them.
"""

import csv
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from kerasbench import environments
from kerasbench.config.composition import compose
from kerasbench.jobs.place import Job
from kerasbench.jobs.run import run
from kerasbench.machine.telemetry import Telemetry
from kerasbench.terminal.progress import Progress
from kerasbench.worker.protocol import now
from tests.conftest import Train, runs_in
from tests.integration.known_costs import assert_epochs_are_their_batches, assert_unfinished_work_is_waited_for

pytestmark = [pytest.mark.slow, pytest.mark.gpu]

backends = pytest.mark.parametrize("backend", ["torch", "jax"])

# Readings compared over an epoch: the metric's name, nvidia-smi's name, and the tolerance between the means of two
# samplings taken at different moments (relative, and in the unit itself).
READINGS = {
    "gpu_0_utilization_percent": ("utilization.gpu", 0.1, 3),
    "gpu_0_memory_mib": ("memory.used", 0.01, 8),
    "gpu_0_power_watts": ("power.draw", 0.05, 5),
    "system/gpu_0_temperature_celsius": ("temperature.gpu", 0, 2),
    "system/gpu_0_sm_clock_mhz": ("clocks.sm", 0.05, 0),
    "system/gpu_0_memory_clock_mhz": ("clocks.mem", 0.05, 0),
}
ENERGY_SHARE = 0.1  # tolerance between energy counter and integrated power, which is a mean over a second


class NvidiaSmi:
    """nvidia-smi's readings of the first GPU."""

    def __init__(self) -> None:
        self.command = shutil.which("nvidia-smi")
        assert self.command, "these tests want an NVIDIA GPU, and there is no nvidia-smi"

    def ask(self, *fields: str) -> list[str]:
        """Return the current values of some fields."""
        told = subprocess.run(self._line(fields), capture_output=True, text=True, check=True)
        return told.stdout.strip().split(", ")

    def _line(self, fields: Iterable[str]) -> list[str]:
        return [str(self.command), "--id=0", f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]

    @contextmanager
    def watching(self, log: Path) -> Iterator[None]:
        """Write READINGS to a file five times a second, for the duration of the `with` block."""
        fields = ["timestamp", *(name for name, _, _ in READINGS.values())]
        with log.open("w") as output:
            process = subprocess.Popen([*self._line(fields), "--loop-ms=200"], stdout=output)
        try:
            yield
        finally:
            process.terminate()
            process.wait()


@pytest.fixture(autouse=True)
def smi() -> NvidiaSmi:
    """nvidia-smi, required by every test: without a GPU, none may pass."""
    return NvidiaSmi()


def _readings(log: Path) -> np.ndarray:
    """Return the logged readings, one per row; the first column is seconds since the Unix epoch."""
    rows = [row for row in csv.reader(log.read_text().splitlines()) if len(row) == len(READINGS) + 1]
    times = [datetime.strptime(row[0], "%Y/%m/%d %H:%M:%S.%f").timestamp() for row in rows]
    return np.array([[at, *map(float, row[1:])] for at, row in zip(times, rows, strict=True)])


@backends
def test_a_run_keeps_by_epoch_what_nvidia_smi_tells(
    shrunk: list[str], store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, smi: NvidiaSmi, backend: str
) -> None:
    epochs: list[tuple[float, float]] = []  # by the system clock, which nvidia-smi uses
    between = Telemetry.between

    def noted(telemetry: Telemetry, started_at: float, ended_at: float) -> dict[str, float]:
        offset = time.time() - now()
        epochs.append((started_at + offset, ended_at + offset))
        return between(telemetry, started_at, ended_at)

    monkeypatch.setattr(Telemetry, "between", noted)
    own = [override for override in shrunk if not override.startswith(("hydra.", "trainer.", "data.train_samples"))]
    load = ["model=mnist_cnn", "data.train_samples=20000", "trainer.batch_size=8", "trainer.epochs=3"]
    config = compose([*own, *load, f"backend={backend}", "telemetry.interval_seconds=0.1"])

    with smi.watching(tmp_path / "smi.csv"):
        outcome = run(config, tmp_path, Job("s1"), Progress())

    assert outcome.status == "FINISHED", outcome.failure
    (kept,) = runs_in(store)
    name, driver, memory = smi.ask("name", "driver_version", "memory.total")
    tags = kept.data.tags
    assert tags["hardware.gpu"] == name
    assert tags["hardware.gpu_driver"] == driver
    assert tags["hardware.gpu_memory_mib"] == memory
    assert tags["in_force.device"] == name
    client, readings = MlflowClient(store), _readings(tmp_path / "smi.csv")

    def history(metric: str) -> list[float]:
        return [point.value for point in client.get_metric_history(kept.info.run_id, metric)]

    failures = []
    for number, (started, ended) in enumerate(epochs):
        within = readings[(started <= readings[:, 0]) & (readings[:, 0] <= ended)]
        assert len(within) >= 5, f"epoch {number + 1} took {ended - started:.1f} s: too short for a comparison"
        told = dict(zip(READINGS, within[:, 1:].mean(axis=0), strict=True))
        for metric, (_, share, unit) in READINGS.items():
            print(f"{backend} epoch {number + 1} {metric}: kept {history(metric)[number]:.1f}, told {told[metric]:.1f}")
            if history(metric)[number] != pytest.approx(told[metric], rel=share, abs=unit):
                failures.append((metric, number + 1))
        joules, expected = history("system/gpu_0_energy_joules")[number], told["gpu_0_power_watts"] * (ended - started)
        print(f"{backend} epoch {number + 1} energy: kept {joules:.1f} J, by nvidia-smi's power {expected:.1f} J")
        if joules != pytest.approx(expected, rel=ENERGY_SHARE):
            failures.append(("energy", number + 1))
    assert not failures


@backends
def test_the_gpu_is_waited_for_until_its_last_update_is_done(backend: str) -> None:
    assert_unfinished_work_is_waited_for(backend, size=4000)  # on a GPU, too, the work outlasts its dispatch


@backends
def test_an_epoch_is_its_batches_on_a_gpu_too(train: Train, store: str, smi: NvidiaSmi, backend: str) -> None:
    kept = assert_epochs_are_their_batches(train, store, backend)
    assert kept.data.tags["in_force.device"] == smi.ask("name")[0]


def test_a_neighbour_on_the_gpu_is_noise(train: Train, store: str) -> None:
    python = environments.provision(environments.Specification.of(compose(["backend=torch"])), print).python
    product = (
        "import torch; x = torch.zeros(1000, 1000, device='cuda'); print('computes', flush=True)\nwhile True: x @ x"
    )
    with subprocess.Popen([python, "-c", product], stdout=subprocess.PIPE) as neighbour:
        try:
            assert neighbour.stdout is not None
            neighbour.stdout.readline()
            done = train("backend=jax")
        finally:
            neighbour.kill()
    assert done.returncode == 0, done.stdout + done.stderr
    (kept,) = runs_in(store)
    print(kept.data.tags["noise"])
    assert "1 other processes computed on the GPUs" in kept.data.tags["noise"]
