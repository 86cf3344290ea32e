"""AMD's GPUs, as `amdsmi` would tell them: a played module with the names, units and N/A of AMD's reference."""

import os
import sys
import types
from typing import Any

import pytest

from kerasbench.machine.gpus import Gpus
from kerasbench.machine.telemetry import Telemetry
from kerasbench.worker.protocol import now
from tests.played_nvml import play_nvml


class _Exception(Exception):
    """The base class of amdsmi's errors."""


@pytest.fixture
def amdsmi(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Two cards: an MI300X, and an older one that does not tell its load. No NVIDIA GPU is there."""
    play_nvml(monkeypatch, [], {})
    module = types.ModuleType("amdsmi")
    names = ["AMD Instinct MI300X", "AMD Instinct MI100"]

    def activity(handle: int) -> dict[str, Any]:
        if handle == 1:
            raise _Exception("AMDSMI_STATUS_NOT_SUPPORTED")
        return {"gfx_activity": 91, "umc_activity": 12, "mm_activity": "N/A"}

    def power(handle: int) -> dict[str, Any]:
        watts = {"current_socket_power": 420, "average_socket_power": "N/A"}
        return watts if handle == 0 else {"current_socket_power": "N/A", "average_socket_power": 180}

    vars(module).update(
        AmdSmiException=_Exception,
        amdsmi_init=lambda: None,
        amdsmi_shut_down=lambda: None,
        amdsmi_get_processor_handles=lambda: [0, 1],
        amdsmi_get_gpu_asic_info=lambda handle: {"market_name": names[handle]},
        amdsmi_get_gpu_driver_info=lambda handle: {"driver_name": "amdgpu", "driver_version": "6.10.5"},
        amdsmi_get_gpu_vram_usage=lambda handle: {"vram_total": 196592, "vram_used": 300 + handle},
        amdsmi_get_gpu_activity=activity,
        amdsmi_get_power_info=power,
    )
    monkeypatch.setitem(sys.modules, "amdsmi", module)
    return module


def test_cards_are_described_and_sampled_under_nvidias_names(amdsmi: types.ModuleType) -> None:
    with Gpus() as gpus:
        assert [(gpu.name, gpu.driver, gpu.memory_mib) for gpu in gpus.gpus()] == [
            ("AMD Instinct MI300X", "6.10.5", 196592),
            ("AMD Instinct MI100", "6.10.5", 196592),
        ]
        assert gpus.sample() == [
            {"utilization_percent": 91.0, "memory_mib": 300.0, "power_watts": 420.0},
            {"memory_mib": 301.0, "power_watts": 180.0},
        ]


@pytest.mark.parametrize(("visible", "memory"), [("1", [301.0]), ("1,0", [301.0, 300.0]), ("", []), ("0,7,1", [300.0])])
def test_only_cards_that_a_worker_can_see_are_looked_at(
    amdsmi: types.ModuleType, visible: str, memory: list[float]
) -> None:
    with Gpus({"CUDA_VISIBLE_DEVICES": visible}) as gpus:
        assert [one["memory_mib"] for one in gpus.sample()] == memory


def test_an_epoch_has_their_figures(amdsmi: types.ModuleType) -> None:
    with Gpus() as gpus, Telemetry(os.getpid(), gpus, interval_seconds=0.01) as telemetry:
        started = now()
        while telemetry.between(started, now())["system/samples"] < 2:
            assert now() < started + 20
        figures = telemetry.between(started, now())
    assert (figures["gpu_0_power_watts"], figures["gpu_1_memory_mib"]) == (420.0, 301.0)


def test_without_a_driver_there_are_none(amdsmi: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise _Exception("AMDSMI_STATUS_DRIVER_NOT_LOADED")

    monkeypatch.setattr(amdsmi, "amdsmi_init", missing)
    with Gpus() as gpus:
        assert (gpus.gpus(), gpus.processes(), gpus.sample()) == ([], [], [])
