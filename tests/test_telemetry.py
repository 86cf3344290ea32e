"""Sampling from outside; NVML is played by a recording of its answers, for the tests' machine may have no GPU."""

import os
import time
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from kerasbench import hardware
from kerasbench.telemetry import Gpu, Nvml, Telemetry


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    def power(handle: int) -> int:
        if handle == 1:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return 71_500

    answers: dict[str, Any] = {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetName": lambda handle: f"NVIDIA T{handle}",
        "nvmlSystemGetDriverVersion": lambda: "535.1",
        "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(total=16 << 30, used=(handle + 1) << 30),
        "nvmlDeviceGetUtilizationRates": lambda handle: SimpleNamespace(gpu=90 - handle),
        "nvmlDeviceGetPowerUsage": power,
    }
    for name, answer in answers.items():
        monkeypatch.setattr(pynvml, name, answer)


def test_gpus_are_described_and_sampled_and_what_one_does_not_give_is_left_out(two_gpus: None) -> None:
    with Nvml() as nvml:
        assert nvml.gpus() == [Gpu("NVIDIA T0", "535.1", 16384), Gpu("NVIDIA T1", "535.1", 16384)]
        assert nvml.sample() == {
            "gpu_0_utilization_percent": 90.0,
            "gpu_0_memory_mib": 1024.0,
            "gpu_0_power_watts": 71.5,
            "gpu_1_utilization_percent": 89.0,
            "gpu_1_memory_mib": 2048.0,
        }


def test_without_a_driver_there_are_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", missing)
    with Nvml() as nvml:
        assert nvml.gpus() == []
        assert nvml.sample() == {}


def test_a_busy_process_is_seen_at_work_and_an_unsampled_interval_gives_no_figures(two_gpus: None) -> None:
    with Nvml() as nvml, Telemetry(os.getpid(), nvml) as telemetry:
        started = time.time()
        figures: dict[str, float] = {}
        while "cpu_percent" not in figures and time.time() < started + 20:  # a loaded machine samples late
            sum(range(100_000))
            figures = telemetry.between(started, time.time())
        assert telemetry.between(started, started) == {}
    assert figures["cpu_percent"] > 10
    assert figures["rss_mib"] > 10
    assert figures["gpu_0_power_watts"] == 71.5


def test_equal_machines_have_equal_fingerprints_and_a_gpu_changes_it() -> None:
    without = hardware.tags([])
    assert without["hardware.gpu"] == "none"
    assert without == hardware.tags([])
    with_gpu = hardware.tags([Gpu("NVIDIA T0", "535.1", 16384)])
    assert with_gpu["hardware.gpu"] == "NVIDIA T0"
    assert with_gpu["hardware.fingerprint"] != without["hardware.fingerprint"]
