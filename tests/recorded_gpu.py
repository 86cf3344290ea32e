"""A GPU that was recorded, played to the driver as NVML would tell it: a test's machine may have none."""

import csv
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.played_nvml import play_nvml

_FILE = Path(__file__).with_name("recordings") / "rtx4090.csv"
_MIB = 1024 * 1024


class Recording:
    """What was read of the GPU, at which second; every array has one value a reading."""

    name = "NVIDIA GeForce RTX 4090"

    def __init__(self) -> None:
        lines = [line for line in _FILE.read_text().splitlines() if not line.startswith("#")]
        rows = list(csv.DictReader(lines))
        self.seconds, self.utilization_percent, self.memory_mib, self.power_watts = (
            np.array([float(row[name]) for row in rows])
            for name in ("seconds", "utilization_percent", "memory_mib", "power_watts")
        )

    def joules(self, second: float) -> float:
        """Return the energy used until a second: the power's integral, for nvidia-smi tells no counter."""
        until = np.append(self.seconds[self.seconds < second], second)
        return float(np.trapezoid(np.interp(until, self.seconds, self.power_watts), until))

    def within(self, started: float, ended: float) -> np.ndarray:
        """Return which readings lie in a time."""
        return (started <= self.seconds) & (self.seconds <= ended)

    def play(self, monkeypatch: pytest.MonkeyPatch, second: Callable[[], float]) -> None:
        """Let NVML answer with what was read last at the second that the recording is at; what was not read is not
        supported."""

        def at(values: np.ndarray) -> Any:
            return values[np.searchsorted(self.seconds, second(), side="right") - 1]

        answers: dict[str, Callable[..., Any]] = {
            "nvmlDeviceGetComputeRunningProcesses": lambda gpu: [],
            "nvmlDeviceGetUtilizationRates": lambda gpu: SimpleNamespace(gpu=int(at(self.utilization_percent))),
            "nvmlDeviceGetMemoryInfo": lambda gpu: SimpleNamespace(
                total=24564 * _MIB, used=int(at(self.memory_mib)) * _MIB
            ),
            "nvmlDeviceGetPowerUsage": lambda gpu: round(1000 * at(self.power_watts)),
            "nvmlDeviceGetTotalEnergyConsumption": lambda gpu: round(1000 * self.joules(second())),
        }
        play_nvml(monkeypatch, [self.name], answers)
