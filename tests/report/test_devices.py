"""Several devices in one run: the columns that tell what they bring."""

import csv
import io
from typing import Any

import pytest

from kerasbench.report.columns import COLUMNS, columns
from kerasbench.report.formats import as_csv
from kerasbench.report.sections import warnings
from tests.report.conftest import Experiment


def _on(experiment: Experiment, devices: int, steady: list[float], backend: str = "jax", **more: Any) -> None:
    for seed, seconds in enumerate(steady, start=1):
        variant = " ".join(filter(None, [more.get("label", ""), f"settings.devices={devices}" if devices > 1 else ""]))
        params = {"settings.devices": str(devices)} if devices > 1 else {}
        tags = {"variant": variant, "in_force__device": more.get("device", "H100")}
        experiment.run(backend, (seconds + 1, seconds, seconds), seed=seed, params=params, **tags)


def _shown(experiment: Experiment, key: str) -> dict[str, float | None]:
    (ranking,) = experiment.report.rankings
    column = next(one for one in COLUMNS if one.key == key)
    return {cell.competitor: column.of(ranking, cell).exact for cell in ranking.cells}


def test_the_speed_up_is_against_one_device_and_the_efficiency_is_its_share_of_the_devices(
    experiment: Experiment,
) -> None:
    _on(experiment, 1, [4.0, 4.0, 4.0])
    _on(experiment, 2, [2.5, 2.5, 2.5])
    _on(experiment, 4, [1.6, 1.6, 1.6])
    two, four = "jax · settings.devices=2", "jax · settings.devices=4"
    assert _shown(experiment, "speedup") == pytest.approx({"jax": 1.0, two: 1.6, four: 2.5})
    assert _shown(experiment, "efficiency") == pytest.approx({"jax": 1.0, two: 0.8, four: 0.625})
    assert _shown(experiment, "examples_per_second") == pytest.approx({"jax": 1500, two: 2400, four: 3750})
    rows = {row["competitor"]: row for row in csv.DictReader(io.StringIO(as_csv(experiment.report)))}
    assert float(rows[two]["speedup.low"]) <= 1.6 <= float(rows[two]["speedup.high"])


def test_it_is_taken_within_one_backend_and_one_variant(experiment: Experiment) -> None:
    _on(experiment, 1, [4.0, 4.0])
    _on(experiment, 1, [8.0, 8.0], backend="tensorflow")
    _on(experiment, 1, [6.0, 6.0], label="settings.jit_compile=false")
    _on(experiment, 2, [4.0, 4.0], backend="tensorflow")
    _on(experiment, 2, [4.0, 4.0], label="settings.jit_compile=false")
    found = {name: value for name, value in _shown(experiment, "speedup").items() if value is not None}
    assert found == pytest.approx({
        "tensorflow": 1.0, "tensorflow · settings.devices=2": 2.0, "jax · settings.jit_compile=false": 1.0,
        "jax · settings.jit_compile=false settings.devices=2": 1.5,
    })  # fmt: skip


def test_without_several_devices_or_without_one_there_are_no_such_columns(experiment: Experiment) -> None:
    _on(experiment, 1, [4.0, 4.0])
    (ranking,) = experiment.report.rankings
    assert not {"speedup", "efficiency"} & {column.key for column in columns(ranking)}
    _on(experiment, 2, [4.0, 4.0], backend="tensorflow")
    (ranking,) = experiment.report.rankings
    assert not {"speedup", "efficiency"} & {column.key for column in columns(ranking)}


def test_simulated_devices_are_told(experiment: Experiment) -> None:
    _on(experiment, 2, [4.0, 4.0], device="cpu")
    assert [line for line in warnings(experiment.report) if "simulated" in line]
    _on(experiment, 4, [4.0, 4.0], device="H100")
    assert len([line for line in warnings(experiment.report) if "simulated" in line]) == 1
