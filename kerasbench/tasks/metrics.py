"""The metrics of an epoch, from what was measured of it."""

import re
from typing import Any

from kerasbench.vocabulary import Metric

_MEASURED = (Metric.EPOCH_SECONDS, Metric.VALIDATION_SECONDS, "augmentation_seconds")
_NO_METRICS_NAME = re.compile(r"[^\w.\- :/]", re.ASCII)  # characters that MLflow refuses


def of_epoch(epoch: dict[str, Any]) -> dict[str, float]:
    """Return an epoch's metrics; a log does not replace a figure that is measured.

    Args:
        epoch: the fields of the event `protocol.EPOCH`, and `examples`, their number in an epoch, if it is known.
    """
    metrics = {_NO_METRICS_NAME.sub("_", name): value for name, value in epoch["logs"].items()}
    metrics |= {name: epoch[name] for name in _MEASURED if name in epoch} | epoch.get("memory", {})
    if epoch.get(Metric.FIT):
        metrics[Metric.FIT] = float(epoch[Metric.FIT])
    if epoch.get("examples") is not None:
        metrics[Metric.EXAMPLES_PER_SECOND] = epoch["examples"] / epoch["epoch_seconds"]
    return metrics
