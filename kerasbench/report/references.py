"""Published figures: they stand beside the measured ones, and are never ranked with them."""

from kerasbench.report.columns import NOTHING, Value, figure
from kerasbench.report.results import STEADY
from kerasbench.store.runs import Run
from kerasbench.vocabulary import Metric, Tag


def seconds(run: Run) -> Value:
    """Return the published seconds of an epoch."""
    return figure([run.metrics[STEADY]] if STEADY in run.metrics else []) or Value(NOTHING)


def accuracy(run: Run) -> Value:
    """Return the published validation accuracy."""
    found = run.metrics.get(Metric.VAL_ACCURACY)
    return Value(NOTHING) if found is None else Value(f"{found:.4g}", found)


def versions(run: Run) -> str:
    """Return the versions of Keras and of the backend, where the source names them."""
    named = (("Keras", Tag.KERAS_VERSION), (run.backend, Tag.BACKEND_VERSION))
    return ", ".join(f"{what} {run.tags[tag]}" for what, tag in named if tag in run.tags)
