"""With an NVIDIA GPU (`make gpu`): that the three backends compute alike there, and what is told of the card.

Without a GPU these tests fail instead of being skipped; `make test` excludes them.
"""

import json
import os
import subprocess
import sys

import pytest
from mlflow import MlflowClient

from kerasbench import environments
from kerasbench.config.composition import compose
from kerasbench.machine.nvml import HARDWARE, HEAT, POWER_CAP, Nvml
from kerasbench.paths import PROJECT
from tests.conftest import Train, runs_in
from tests.integration.test_nvidia import NvidiaSmi

pytestmark = [pytest.mark.slow, pytest.mark.gpu]

_BACKENDS = "tensorflow,jax,torch"
_ON_GPU = ("backend.device=gpu", "settings.matmul_precision=highest")


@pytest.fixture(autouse=True)
def smi() -> NvidiaSmi:
    """nvidia-smi, required by every test: without a GPU, none may pass."""
    return NvidiaSmi()


def test_each_environment_proves_its_kernels_on_the_card() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kerasbench", "environments", "setup", *_BACKENDS.split(",")],
        cwd=PROJECT, capture_output=True, text=True, timeout=3600,
    )  # fmt: skip
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("model", ["mnist_mlp", "mnist_cnn", "cifar10_cnn", "babi_rnn", "mnist_hierarchical_rnn"])
def test_the_three_backends_compute_the_same_on_the_gpu(train: Train, store: str, model: str) -> None:
    done = train("-m", "task=parity", f"backend={_BACKENDS}", f"model={model}", *_ON_GPU)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(runs_in(store)) == 3
    assert all("build" in kept.data.tags for kept in runs_in(store))


def test_without_its_fix_jaxs_lstm_deviates_by_more(train: Train, store: str) -> None:
    found = []
    for fixes in ("[jax_cudnn_lstm]", "[]"):
        train("task=parity", "backend=jax", "model=mnist_hierarchical_rnn", *_ON_GPU, f"backend.fixes={fixes}")
        found.append(runs_in(store)[0].data.metrics["parity_max_deviation"])
    print(found)
    assert found[1] > 10 * found[0]


def test_the_precision_that_keras_leaves_out_is_not_why_cudnns_lstm_deviates() -> None:
    environment = environments.provision(environments.Specification.of(compose(["backend=jax"])), print)
    done = subprocess.run(
        [environment.python, PROJECT / "tests" / "integration" / "cudnn_lstm.py"],
        env=os.environ, check=True, capture_output=True, text=True,
    )  # fmt: skip
    found = json.loads(done.stdout.splitlines()[-1])
    print(found)
    assert found["none"] == found["highest"]


@pytest.mark.parametrize("backend", _BACKENDS.split(","))
def test_the_memory_needed_is_within_what_nvidia_smi_shows(
    train: Train, store: str, smi: NvidiaSmi, backend: str
) -> None:
    before = float(smi.ask("memory.used")[0])
    done = train(f"backend={backend}", "backend.device=gpu", "model=mnist_cnn", "trainer.epochs=3")
    assert done.returncode == 0, done.stdout + done.stderr
    (kept,) = runs_in(store)
    needed, parameters = kept.data.metrics["peak_device_mib"], kept.data.metrics["parameters"]
    history = MlflowClient(store).get_metric_history(kept.info.run_id, "gpu_0_memory_mib")
    shown = max(point.value for point in history) - before
    print(f"{backend}: needed {needed:.1f} MiB, shown {shown:.0f} MiB, parameters {parameters * 4 / 2**20:.1f} MiB")
    assert parameters * 4 / 2**20 < needed < shown
    assert kept.data.metrics["epoch_end_device_mib"] <= kept.data.metrics["epoch_peak_device_mib"] <= needed


def test_what_slows_the_card_and_how_it_is_set_are_what_nvidia_smi_tells(smi: NvidiaSmi) -> None:
    names = ("sw_thermal_slowdown", "hw_thermal_slowdown", "hw_slowdown", "sw_power_cap")
    asked = [f"clocks_event_reasons.{name}" for name in names]
    with Nvml() as nvml:
        for _ in range(5):  # a cause may come or go between the two questions
            told = {name: value == "Active" for name, value in zip(names, smi.ask(*asked), strict=True)}
            hot = told["sw_thermal_slowdown"] or told["hw_thermal_slowdown"]
            expected = {HEAT: hot, HARDWARE: told["hw_slowdown"] and not hot, POWER_CAP: told["sw_power_cap"]}
            found = {name: bool(nvml.sample()[0][name]) for name in expected}
            if found == expected:
                break
        state = nvml.gpus()[0].state
    print(found, dict(state))
    assert found == expected
    limit, clock, ecc, persistence, mig = smi.ask(
        "enforced.power.limit", "clocks.max.sm", "ecc.mode.current", "persistence_mode", "mig.mode.current"
    )
    assert float(state["power_limit_watts"]) == pytest.approx(float(limit), abs=1)
    assert state["max_sm_clock_mhz"] == clock
    for name, value in (("ecc", ecc), ("persistence_mode", persistence), ("mig", mig)):
        assert value not in ("Enabled", "Disabled") or state[name] == {"Enabled": "on", "Disabled": "off"}[value]


@pytest.mark.parametrize("backend", _BACKENDS.split(","))
def test_data_on_the_gpu_train_as_data_in_memory_do(train: Train, store: str, backend: str) -> None:
    found = []
    for on_device in ("true", "null"):
        done = train(f"backend={backend}", *_ON_GPU, f"settings.data_on_device={on_device}", "trainer.epochs=3")
        assert done.returncode == 0, done.stdout + done.stderr
        kept = runs_in(store)[0].data.metrics
        found.append(kept["loss"])
        print(f"{backend}, data_on_device={on_device}: {kept['steady_epoch_seconds']:.3f} s, loss {kept['loss']:.6f}")
    assert found[0] == pytest.approx(found[1], rel=1e-4)
