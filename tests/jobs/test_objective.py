"""What a searching sweeper gets from a run, also by a metric of the user's own model."""

import math
from typing import Any

import pytest
from omegaconf import OmegaConf

from kerasbench.jobs.objective import choose_direction, value
from kerasbench.tasks.outcome import Outcome
from kerasbench.terminal.errors import UserError

SEARCHING = OmegaConf.create({"direction": "minimize"})


def _master(objective: str, *typed: str) -> Any:
    overrides = {"overrides": {"hydra": list(typed)}, "sweeper": {"direction": "minimize"}}
    return OmegaConf.create({"objective": objective, "hydra": overrides})


def _outcome(**given: Any) -> Outcome:
    return Outcome("torch", "net", 1, **{"status": "FINISHED", "metrics": {"val_mae": 0.5}, **given})


@pytest.mark.parametrize(
    ("objective", "direction"),
    [("val_accuracy", "maximize"), ("examples_per_second", "maximize"), ("val_loss", "minimize")],
)
def test_what_is_better_of_the_tools_own_metrics_is_known(objective: str, direction: str) -> None:
    master = _master(objective)
    choose_direction(master)
    assert master.hydra.sweeper.direction == direction


def test_what_is_better_of_another_metric_must_be_said() -> None:
    with pytest.raises(UserError, match=r"objective=val_mae.*hydra\.sweeper\.direction"):
        choose_direction(_master("val_mae"))
    choose_direction(_master("val_mae", "hydra.sweeper.direction=minimize"))


def test_a_finished_run_without_the_metric_ends_the_search_and_names_what_it_has() -> None:
    with pytest.raises(UserError, match=r"val_accuracy.*val_mae"):
        value(_outcome(), "val_accuracy", SEARCHING)


def test_a_run_that_failed_is_the_worst() -> None:
    assert value(_outcome(status="FAILED"), "val_mae", SEARCHING) == math.inf


def test_without_a_search_a_run_needs_no_objective() -> None:
    assert value(_outcome(), "val_mae", OmegaConf.create({})) == 0.5
    assert value(_outcome(), "val_accuracy", OmegaConf.create({})) == math.inf
