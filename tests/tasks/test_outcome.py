"""How a run ended, for sweepers and for the final summary."""

import math
from pathlib import Path

from kerasbench.tasks.outcome import Outcome


def _outcome(**fields: object) -> Outcome:
    finished = {"status": "FINISHED", "run_id": "r", "epoch_seconds": [9.0, 2.0], "metrics": {"val_accuracy": 0.98}}
    return Outcome("jax", "mnist_mlp", 1, **{**finished, **fields})  # type: ignore[arg-type]


def test_the_objective_is_the_metricss_value_and_not_a_number_where_a_run_failed() -> None:
    assert _outcome().objective("val_accuracy") == 0.98
    assert math.isnan(_outcome(status="FAILED").objective("val_accuracy"))
    regression = _outcome(metrics={"val_loss": 0.25, "val_mae": 0.5})
    assert (regression.objective("val_loss"), regression.objective("val_mae")) == (0.25, 0.5)
    assert math.isnan(regression.objective("val_accuracy"))


def test_an_outcome_is_kept_as_a_file(tmp_path: Path) -> None:
    _outcome().save(tmp_path / "sweep" / "3.json")
    assert Outcome.load(tmp_path / "sweep" / "3.json") == _outcome()
