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
        variant: what makes it another competitor than its backend as it comes: the overrides, KEY=VALUE, that the sweep
            varies besides backend, model, data and seed, those of the backend itself, and a label.
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
    variant: list[str] = field(default_factory=list)
    status: str = "KILLED"  # FINISHED, FAILED or KILLED
    failure: str = ""
    run_id: str = ""
    experiment_id: str = ""
    epoch_seconds: list[float] = field(default_factory=list)
    deviation: float | None = None  # of task parity: the largest, relative to the reference
    metrics: dict[str, float] = field(default_factory=dict)  # of the last epoch, and of the whole run

    @property
    def competitor(self) -> str:
        """What it is in a table: its backend, and what else its sweep varied."""
        return " · ".join([self.backend, *self.variant])

    def objective(self, metric: str) -> float:
        """Return a metric of the last epoch or of the run; NaN, which no sweeper takes for a good one, if it failed."""
        return self.metrics.get(metric, math.nan) if self.status == "FINISHED" else math.nan

    def save(self, folder: Path) -> None:
        """Write it to the job's folder."""
        (folder / _FILE).write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Return what a job left in its folder, None if it left nothing."""
        file = folder / _FILE
        return cls(**json.loads(file.read_text())) if file.exists() else None
