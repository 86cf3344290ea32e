"""A run as the report reads it from a store."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from kerasbench.config.schema import Task
from kerasbench.vocabulary import DEVICES, Metric, Tag

_ENDLESS = 1e300  # MLflow's databases store infinity as the largest finite float


@dataclass(frozen=True, eq=False)
class Run:
    """One run of a store.

    Attributes:
        id: MLflow's run id.
        status: RUNNING, FINISHED, FAILED or KILLED.
        started_at: seconds since the Unix epoch.
        metrics: the last value of each metric.
        histories: value by epoch (counted from 1) of the metrics that the report needs; without NaN.
    """

    id: str
    name: str
    status: str
    started_at: float
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    histories: Mapping[str, Mapping[int, float]] = field(default_factory=dict)

    @property
    def backend(self) -> str:
        """The backend's name."""
        return self.tags.get(Tag.BACKEND, "unknown")

    @property
    def model(self) -> str:
        """The model's name."""
        return self.tags.get(Tag.MODEL, "unknown")

    @property
    def competitor(self) -> str:
        """The name under which it is ranked: its backend and its variant."""
        return f"{self.backend} · {self.variant}" if self.variant else self.backend

    @property
    def variant(self) -> str:
        """The overrides that its sweep varied besides the backend; empty if none."""
        return self.tags.get(Tag.VARIANT, "")

    @property
    def seed(self) -> str:
        """The seed, as text."""
        return self.params.get("seed", "")

    @property
    def devices(self) -> int:
        """How many devices shared its batches."""
        return int(self.params.get(DEVICES, "1"))

    @property
    def starts_as_others(self) -> bool:
        """Whether it started from the initial weights that all backends share for its seed."""
        return self.params.get("trainer.init") == "shared"

    @property
    def device(self) -> str:
        """The device that it computed on, `cpu` or a GPU's name; empty if the framework did not report it."""
        return self.tags.get(Tag.IN_FORCE + "device", "")

    @property
    def processor(self) -> str:
        """`cpu` or `gpu`: what it computed on or, if its framework did not report it, was to compute on."""
        if self.device:
            return "cpu" if self.device == "cpu" else "gpu"
        return "gpu" if Tag.BUILD in self.tags else "cpu"

    @property
    def losses(self) -> tuple[float, ...]:
        """The training loss of each epoch; NaN for an epoch without a loss in the history."""
        kept = self.histories.get(Metric.LOSS, {})
        return tuple(kept.get(epoch, math.nan) for epoch in sorted(self.histories.get(Metric.EPOCH_SECONDS, {})))

    @property
    def diverged(self) -> bool:
        """Whether the loss of any epoch was NaN or infinite."""
        return Metric.LOSS in self.metrics and not all(map(finite, self.losses))

    @property
    def finished(self) -> bool:
        """Whether its status is FINISHED."""
        return self.status == "FINISHED"

    @property
    def measured(self) -> bool:
        """Whether it is a training run; parity runs, published figures, reports and runs of other tools are not."""
        return self.tags.get(Tag.TASK) == Task.train.value and Tag.KIND not in self.tags

    @property
    def round(self) -> tuple[str, str]:
        """Its sweep and seed, which all runs of one round share."""
        return self.tags.get(Tag.SWEEP, ""), self.seed

    def history(self, metric: str) -> dict[int, float]:
        """Return a metric's finite values by epoch, in epoch order."""
        return {epoch: value for epoch, value in sorted(self.histories.get(metric, {}).items()) if finite(value)}

    def by_epoch(self, metric: str) -> tuple[float, ...]:
        """Return a metric's finite values in epoch order."""
        return tuple(self.history(metric).values())


def finite(value: float) -> bool:
    """Return whether a stored value is a finite number."""
    return abs(value) < _ENDLESS
