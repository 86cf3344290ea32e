"""A run's place in its sweep, and how it ended."""

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

_FILE = "outcome.json"


@dataclass(frozen=True)
class Job:
    """A run's place in its sweep.

    Attributes:
        sweep: an id that all runs of one command share.
        variant: what the sweep varies besides backend, model, data and seed: this run's overrides, KEY=VALUE.
    """

    sweep: str
    variant: tuple[str, ...] = ()


@dataclass
class Outcome:
    """How a run ended, for the table and for Hydra's sweepers.

    It is kept as a file in the job's folder, so that the sweep can be summed up whichever launcher ran its jobs.
    """

    backend: str
    model: str
    seed: int
    task: str = "train"
    status: str = "KILLED"  # FINISHED, FAILED or KILLED
    failure: str = ""
    run_id: str = ""
    experiment_id: str = ""
    keras_version: str = ""
    data: str = ""
    epoch_seconds: list[float] = field(default_factory=list)
    deviation: float | None = None  # of task parity: the largest, relative to the reference
    last_epoch: dict[str, float] = field(default_factory=dict)

    def objective(self, metric: str) -> float:
        """Return the last epoch's value of a metric; NaN, which no sweeper takes for a good one, if there is none."""
        return self.last_epoch.get(metric, math.nan) if self.status == "FINISHED" else math.nan

    def save(self, folder: Path) -> None:
        """Write it to the job's folder."""
        (folder / _FILE).write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Return what a job left in its folder, None if it left nothing."""
        file = folder / _FILE
        return cls(**json.loads(file.read_text())) if file.exists() else None
