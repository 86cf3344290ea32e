"""What NVML tells of a card: how it is set, what slows it, and its MIG instances, all simulated."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from kerasbench.machine import hardware
from kerasbench.machine.nvml import Nvml
from tests.played_nvml import play_nvml, unsupported

_SET: dict[str, Callable[..., Any]] = {
    "nvmlDeviceGetEnforcedPowerLimit": lambda card: 700_000,
    "nvmlDeviceGetMaxClockInfo": lambda card, clock: 1980,
    "nvmlDeviceGetEccMode": lambda card: [1, 1],
    "nvmlDeviceGetPersistenceMode": lambda card: 0,
    "nvmlDeviceGetMigMode": lambda card: [0, 0],
}


def test_how_a_card_is_set_is_a_tag_and_no_part_of_the_machines_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    play_nvml(monkeypatch, ["NVIDIA H100", "NVIDIA T4"], {
        **_SET, "nvmlDeviceGetEccMode": lambda card: [1, 1] if card == 0 else unsupported(),
    })  # fmt: skip
    with Nvml() as nvml:
        gpus = nvml.gpus()
    tags = hardware.tags(gpus)
    assert {name: value for name, value in tags.items() if name.startswith("hardware.gpu_")} == {
        "hardware.gpu_driver": "535.1",
        "hardware.gpu_memory_mib": "0, 0",
        "hardware.gpu_power_limit_watts": "700, 700",
        "hardware.gpu_max_sm_clock_mhz": "1980, 1980",
        "hardware.gpu_ecc": "on, unknown",
        "hardware.gpu_persistence_mode": "off, off",
        "hardware.gpu_mig": "off, off",
    }
    unset = [replace(gpu, state={}) for gpu in gpus]
    assert hardware.tags(unset)["hardware.fingerprint"] == tags["hardware.fingerprint"]


_HARDWARE = pynvml.nvmlClocksEventReasonHwSlowdown


@pytest.mark.parametrize(
    ("reasons", "heat", "hardware_slowdown", "power_cap"),
    [
        (pynvml.nvmlClocksEventReasonNone, 0, 0, 0),
        (pynvml.nvmlClocksEventReasonGpuIdle | pynvml.nvmlClocksEventReasonApplicationsClocksSetting, 0, 0, 0),
        (pynvml.nvmlClocksEventReasonSwPowerCap, 0, 0, 100),
        (pynvml.nvmlClocksEventReasonSwThermalSlowdown, 100, 0, 0),
        (pynvml.nvmlClocksEventReasonHwThermalSlowdown | _HARDWARE, 100, 0, 0),
        (pynvml.nvmlClocksEventReasonHwPowerBrakeSlowdown | _HARDWARE, 0, 100, 0),
        (_HARDWARE | pynvml.nvmlClocksEventReasonSwPowerCap, 0, 100, 100),
    ],
)
@pytest.mark.parametrize("driver", ["Event", "Throttle"])  # NVML's names before and from 535 on
def test_each_cause_of_lower_clocks_is_told_apart(
    monkeypatch: pytest.MonkeyPatch, driver: str, reasons: int, heat: int, hardware_slowdown: int, power_cap: int
) -> None:
    play_nvml(monkeypatch, ["NVIDIA H100"], {f"nvmlDeviceGetCurrentClocks{driver}Reasons": lambda card: reasons})
    with Nvml() as nvml:
        assert nvml.sample() == [{
            "heat_slowdown_percent": heat,
            "hardware_slowdown_percent": hardware_slowdown,
            "power_cap_percent": power_cap,
        }]  # fmt: skip


_MIB = 1024 * 1024
_INSTANCES = {"MIG-a1": 0, "MIG-a2": 2}  # UUID -> place on the first card; the second card is whole


@pytest.fixture
def divided(monkeypatch: pytest.MonkeyPatch) -> None:
    """An A100 with two MIG instances, and another that is whole."""

    def of_whole(answer: Any) -> Callable[..., Any]:
        return lambda handle, *more, **named: unsupported() if handle in _INSTANCES else answer

    def instance(card: int, place: int) -> str:
        for uuid, at in _INSTANCES.items():
            if at == place:
                return uuid
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)

    answers: dict[str, Callable[..., Any]] = {
        "nvmlDeviceGetMigMode": lambda card: [card == 0, card == 0],
        "nvmlDeviceGetMaxMigDeviceCount": lambda card: 7,
        "nvmlDeviceGetMigDeviceHandleByIndex": instance,
        "nvmlDeviceGetName": of_whole("NVIDIA A100-SXM4-40GB"),
        "nvmlDeviceGetUUID": lambda handle: handle if handle in _INSTANCES else f"GPU-{handle}",
        "nvmlDeviceGetAttributes_v2": lambda handle: SimpleNamespace(gpuInstanceSliceCount=1, memorySizeMB=4864),
        "nvmlDeviceGetCudaComputeCapability": of_whole((8, 0)),
        "nvmlDeviceGetMemoryInfo": lambda handle, version=None: SimpleNamespace(
            total=(4864 if handle in _INSTANCES else 40960) * _MIB, used=100 * _MIB
        ),
        "nvmlDeviceGetUtilizationRates": of_whole(SimpleNamespace(gpu=50)),
        "nvmlDeviceGetPowerUsage": of_whole(250_000),
        "nvmlDeviceGetTemperature": of_whole(60),
        "nvmlDeviceGetComputeRunningProcesses": lambda handle: [7] if handle == "MIG-a2" else [],
    }
    play_nvml(monkeypatch, ["", ""], answers)


@pytest.mark.parametrize(
    ("visible", "memory"),
    [
        (None, [4864, 40960]),
        ("MIG-a2", [4864]),
        ("MIG-a2,1", [4864, 40960]),
        ("0", [4864]),  # a divided card means its first instance
        ("GPU-0", [4864]),
        ("GPU-1", [40960]),
        ("MIG-", []),  # ambiguous
        ("MIG-a3", []),
    ],
)
def test_a_mig_instance_is_seen_by_its_uuid_and_as_the_first_of_its_card(
    divided: None, visible: str | None, memory: list[int]
) -> None:
    with Nvml({} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}) as nvml:
        assert [gpu.memory_mib for gpu in nvml.gpus()] == memory


def test_a_mig_instance_is_named_and_its_cards_shared_figures_are_not_taken_for_its_own(divided: None) -> None:
    with Nvml({"CUDA_VISIBLE_DEVICES": "MIG-a2,1"}) as nvml:
        instance, whole = nvml.gpus()
        assert (instance.name, whole.name) == ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", "NVIDIA A100-SXM4-40GB")
        assert instance.capability == whole.capability == "8.0"
        assert (instance.state["mig"], whole.state["mig"]) == ("on", "off")
        assert nvml.processes() == [1, 0]
        of_instance, of_whole = nvml.sample()
    assert of_instance == {"memory_mib": 100.0, "temperature_celsius": 60.0}
    assert of_whole == {**of_instance, "utilization_percent": 50.0, "power_watts": 250.0}
