"""A run, as the report reads it from the store."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from kerasbench.config.schema import Task
from kerasbench.vocabulary import Metric, Tag

_ENDLESS = 1e300  # MLflow keeps an infinite value as the largest number there is


@dataclass(frozen=True, eq=False)
class Run:
    """One run of the store.

    Attributes:
        started_at: seconds since the epoch.
        metrics: the last value of each.
        histories: of the metrics that the report needs by epoch, each epoch's value.
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
        """What it is in a ranking: its backend, and what else its sweep varied."""
        return f"{self.backend} · {self.variant}" if self.variant else self.backend

    @property
    def variant(self) -> str:
        """What its sweep varied besides the backend; empty if nothing."""
        return self.tags.get(Tag.VARIANT, "")

    @property
    def seed(self) -> str:
        """Its seed."""
        return self.params.get("seed", "")

    @property
    def starts_as_others(self) -> bool:
        """Whether its initial weights are those that every backend has from its seed."""
        return self.params.get("trainer.init") == "shared"

    @property
    def device(self) -> str:
        """What it computed on: `cpu`, a GPU's name, or empty where the framework has not told."""
        return self.tags.get(Tag.IN_FORCE + "device", "")

    @property
    def losses(self) -> tuple[float, ...]:
        """The training loss of each epoch; NaN, which a history leaves out, is put back."""
        kept = self.histories.get(Metric.LOSS, {})
        return tuple(kept.get(epoch, math.nan) for epoch in sorted(self.histories.get(Metric.EPOCH_SECONDS, {})))

    @property
    def diverged(self) -> bool:
        """Whether its loss was no finite number in some epoch."""
        return Metric.LOSS in self.metrics and not all(abs(loss) < _ENDLESS for loss in self.losses)

    @property
    def finished(self) -> bool:
        """Whether it ran to its end."""
        return self.status == "FINISHED"

    @property
    def measured(self) -> bool:
        """Whether it trained: a parity run, a published figure, a report, and a run of another tool did not."""
        return self.tags.get(Tag.TASK) == Task.train.value and Tag.KIND not in self.tags

    @property
    def round(self) -> tuple[str, str]:
        """What it shares with the runs that it is paired with."""
        return self.tags.get(Tag.SWEEP, ""), self.seed

    def by_epoch(self, metric: str) -> tuple[float, ...]:
        """Return a metric's values, in the order of the epochs."""
        values = self.histories.get(metric, {})
        return tuple(values[epoch] for epoch in sorted(values))

    def accuracy_with(self, metric: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return a metric's value of each epoch and the validation accuracy after it, where both are known."""
        values, accuracy = self.histories.get(metric, {}), self.histories.get(Metric.VAL_ACCURACY, {})
        epochs = sorted(values.keys() & accuracy.keys())
        return tuple(values[epoch] for epoch in epochs), tuple(accuracy[epoch] for epoch in epochs)
