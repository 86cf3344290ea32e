"""How a run ended."""

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self


@dataclass
class Outcome:
    """How a run ended, for the table and for Hydra's sweepers.

    A job of a sweep saves it to a file, so that the summary works with every launcher.
    """

    backend: str
    model: str
    seed: int
    task: str = "train"
    variant: list[str] = field(default_factory=list)
    status: str = "KILLED"  # FINISHED, FAILED or KILLED
    failure: str = ""
    run_id: str = ""  # empty while the store does not have it
    noise: str = ""  # what disturbed the measurement
    epoch_seconds: list[float] = field(default_factory=list)
    deviation: float | None = None  # task parity: the largest relative deviation from the reference
    metrics: dict[str, float] = field(default_factory=dict)  # of the last epoch, and of the whole run

    @property
    def competitor(self) -> str:
        """Its name in tables: the backend, and the other overrides that the sweep varies."""
        return " · ".join(filter(None, [self.backend, " ".join(self.variant)]))

    def objective(self, metric: str) -> float:
        """Return a metric of the last epoch or of the run; NaN, which no sweeper prefers, if the run failed."""
        return self.metrics.get(metric, math.nan) if self.status == "FINISHED" else math.nan

    def save(self, file: Path) -> None:
        """Write it to a file; a reader, on another machine too, sees half of it only where the disk is full."""
        file.parent.mkdir(parents=True, exist_ok=True)
        text, part = json.dumps(asdict(self)), file.with_suffix(".part")
        try:
            part.write_text(text, encoding="utf-8")
            part.replace(file)
        except OSError:  # a full disk still has the place that the file has taken
            part.unlink(missing_ok=True)
            file.write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, file: Path) -> Self:
        """Return what `save` wrote to a file."""
        return cls(**json.loads(file.read_text(encoding="utf-8")))


def passing(deviation: float) -> float | None:
    """Return the smallest power of ten that is no smaller than a deviation; None if no tolerance lets it pass.

    Below 1e-7, half a unit in the last place of single precision, deviations are alike.
    """
    power = next((power for power in range(-7, 1) if deviation <= 10.0**power), None)
    return None if power is None else 10.0**power
