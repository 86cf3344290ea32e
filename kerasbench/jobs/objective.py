"""What a searching sweeper such as Optuna gets from a run, and in which direction it searches."""

import math
from collections.abc import Sequence

from omegaconf import DictConfig

from kerasbench.tasks.outcome import Outcome
from kerasbench.terminal.errors import UserError
from kerasbench.vocabulary import Metric

_MAXIMIZE, _MINIMIZE = "maximize", "minimize"


def choose_direction(master: DictConfig) -> None:
    """Let the sweeper search for what is better of the objective, unless the user chooses `hydra.sweeper.direction`.

    Optuna's own default is to minimize, which would find the worst accuracy.

    Raises:
        UserError: there are several directions, and a run has one objective; or nobody knows which direction is better.
    """
    sweeper = master.hydra.sweeper
    if "direction" not in sweeper:
        return
    if any(override.lstrip("+").startswith("hydra.sweeper.direction=") for override in master.hydra.overrides.hydra):
        if isinstance(sweeper.direction, Sequence) and not isinstance(sweeper.direction, str):
            raise UserError("hydra.sweeper.direction: a run has one objective (objective=), so name one direction")
        return
    if master.objective not in (*Metric.OF_EPOCH, *Metric.OF_RUN):
        raise UserError(f"objective={master.objective}: add hydra.sweeper.direction=minimize, or maximize")
    sweeper.direction = _MAXIMIZE if master.objective in Metric.LARGER_IS_BETTER else _MINIMIZE
    master.hydra.overrides.hydra.append(f"hydra.sweeper.direction={sweeper.direction}")  # for the jobs


def value(outcome: Outcome, metric: str, sweeper: DictConfig) -> float:
    """Return a run's objective; the worst value if the run failed or its metric is not a number.

    Hydra's Optuna sweeper ends the whole sweep with a traceback at a value that is not a number.

    Raises:
        UserError: the run has finished without the metric that the sweeper searches by.
    """
    if "direction" in sweeper and outcome.status == "FINISHED" and metric not in outcome.metrics:
        raise UserError(f"objective={metric}: the run has no such metric; it has {', '.join(sorted(outcome.metrics))}")
    found = outcome.objective(metric)
    if not math.isnan(found):
        return found
    direction = sweeper.get("direction")
    return -math.inf if getattr(direction, "name", direction) == _MAXIMIZE else math.inf
