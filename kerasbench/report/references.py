"""Published figures: they stand beside the measured ones, and are never ranked with them."""

from collections.abc import Sequence
from dataclasses import dataclass

from kerasbench.report.columns import Value, figure
from kerasbench.report.results import STEADY
from kerasbench.store.runs import Run
from kerasbench.vocabulary import Metric, Tag


@dataclass(frozen=True)
class Published:
    """One published figure.

    Attributes:
        backend: empty where the source does not say.
        hardware, versions, source: where it comes from.
    """

    model: str
    backend: str
    data: str
    seconds: Value | None
    accuracy: Value | None
    hardware: str
    versions: str
    source: str
    note: str


def published(runs: Sequence[Run]) -> list[Published]:
    """Return the figures of runs of kind `reference`, by model and backend."""
    ordered = sorted(runs, key=lambda run: (run.model, run.backend, run.name))
    return [_published(run) for run in ordered]


def _published(run: Run) -> Published:
    seconds = run.metrics.get(STEADY)
    accuracy = run.metrics.get(Metric.VAL_ACCURACY)
    return Published(
        model=run.model,
        backend=run.tags.get(Tag.BACKEND, ""),
        data=run.tags.get(Tag.DATA_NAME, ""),
        seconds=None if seconds is None else figure([seconds]),
        accuracy=None if accuracy is None else Value(f"{accuracy:.4g}", accuracy),
        hardware=run.tags.get(Tag.GPU, ""),
        versions=", ".join(
            f"{what} {run.tags[tag]}"
            for what, tag in (("Keras", Tag.KERAS_VERSION), (run.backend, Tag.BACKEND_VERSION))
            if tag in run.tags
        ),
        source=run.tags.get(Tag.SOURCE, ""),
        note=run.tags.get(Tag.NOTE, ""),
    )
