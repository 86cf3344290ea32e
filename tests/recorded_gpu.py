"""Replays a recorded GPU to the driver through NVML, because a test machine may have no GPU."""

import csv
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import pynvml
import pytest

from tests.played_nvml import play_nvml

_FILE = Path(__file__).with_name("recordings") / "h200.csv"
_MIB = 1024 * 1024


class Recording:
    """The GPU's readings by column name, and their seconds; every array has one value per reading.

    The tool's worker computes from second 7.2 to 9.7; before and after, the GPU idles.
    """

    name = "NVIDIA H200"
    memory_mib = 143771
    reserved_mib = 616  # by the driver; version 1 of NVML's memory query counts it as used

    def __init__(self) -> None:
        lines = [line for line in _FILE.read_text().splitlines() if not line.startswith("#")]
        rows = list(csv.DictReader(lines))
        self.seconds = np.array([float(row["seconds"]) for row in rows])
        self.readings = {name: np.array([float(row[name]) for row in rows]) for name in rows[0] if name != "seconds"}

    @classmethod
    def under_load(cls, seconds: float) -> Self:
        """Return the readings under load, repeated to last at least so many seconds."""
        recording = cls()
        loaded = recording.within(8.0, 9.6)
        once, readings = recording.seconds[loaded], {name: all[loaded] for name, all in recording.readings.items()}
        energy = readings["energy_joules"]
        lap = (once[-1] - once[0]) * len(once) / (len(once) - 1)  # the last reading lasts as long as the others
        joules = (energy[-1] - energy[0]) / (once[-1] - once[0]) * lap
        laps = np.repeat(np.arange(int(seconds / lap) + 1), len(once))
        recording.readings = {name: np.resize(values, len(laps)) for name, values in readings.items()}
        recording.readings["energy_joules"] += laps * joules
        recording.seconds = np.resize(once - once[0], len(laps)) + laps * lap
        return recording

    def joules(self, second: float) -> float:
        """Return the energy counter at a second, interpolated between readings."""
        return float(np.interp(second, self.seconds, self.readings["energy_joules"]))

    def within(self, started: float, ended: float) -> np.ndarray:
        """Return a mask of the readings between two seconds."""
        return (started <= self.seconds) & (self.seconds <= ended)

    def play(self, monkeypatch: pytest.MonkeyPatch, second: Callable[[], float]) -> None:
        """Make NVML answer with the last reading at the recording's current second."""

        def at(name: str) -> int:
            """Return a reading in NVML's unit: milliwatts and millijoules, all else unscaled."""
            value = self.readings[name][np.searchsorted(self.seconds, second(), side="right") - 1]
            return round(float(1000 * value if name in ("power_watts", "energy_joules") else value))

        def memory(gpu: int, version: int | None = None) -> SimpleNamespace:
            used = at("memory_mib") + (0 if version == pynvml.nvmlMemory_v2 else self.reserved_mib)
            return SimpleNamespace(total=self.memory_mib * _MIB, used=used * _MIB)

        clocks = {pynvml.NVML_CLOCK_SM: "sm_clock_mhz", pynvml.NVML_CLOCK_MEM: "memory_clock_mhz"}
        answers: dict[str, Callable[..., Any]] = {
            "nvmlDeviceGetComputeRunningProcesses": lambda gpu: [None] * at("processes"),
            "nvmlDeviceGetUtilizationRates": lambda gpu: SimpleNamespace(gpu=at("utilization_percent")),
            "nvmlDeviceGetMemoryInfo": memory,
            "nvmlDeviceGetPowerUsage": lambda gpu: at("power_watts"),
            "nvmlDeviceGetTemperature": lambda gpu, sensor: at("temperature_celsius"),
            "nvmlDeviceGetClockInfo": lambda gpu, clock: at(clocks[clock]),
            "nvmlDeviceGetTotalEnergyConsumption": lambda gpu: at("energy_joules"),
        }
        play_nvml(monkeypatch, [self.name], answers)
