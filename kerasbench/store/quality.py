"""What a run has learned, in one figure: the accuracy or the loss that a comparison shows beside the time.

A model has whatever metrics its author gave it. Of those, the first of `QUALITIES` that runs have stands for all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from kerasbench.store.runs import Run
from kerasbench.vocabulary import Metric


@dataclass(frozen=True)
class Quality:
    """A metric of an epoch that says how well a model has learned.

    Attributes:
        metric: its name in the store.
        short, name: its names in a narrow table and in a sentence.
        larger_is_better: True for an accuracy, False for a loss.
    """

    metric: str
    short: str
    name: str
    larger_is_better: bool

    def best(self, values: Sequence[float]) -> float:
        """Return the best of some values."""
        return max(values) if self.larger_is_better else min(values)


ACCURACY = Quality(Metric.VAL_ACCURACY, "accuracy", "validation accuracy", True)
VALIDATION_LOSS = Quality(Metric.VAL_LOSS, "val_loss", "validation loss", False)
TRAINING_LOSS = Quality(Metric.LOSS, "loss", "training loss", False)  # of a training without validation
QUALITIES = (ACCURACY, VALIDATION_LOSS, TRAINING_LOSS)


def quality_of(runs: Sequence[Run]) -> Quality | None:
    """Return the first quality that all runs have, else the first that any has; None where they have none."""
    for enough in (all, any):
        for quality in QUALITIES:
            if runs and enough(quality.metric in run.metrics for run in runs):
                return quality
    return None
