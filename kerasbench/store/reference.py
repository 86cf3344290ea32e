"""Published figures from 2017 and from Keras' documentation, to compare with measured ones.

`list` prints them. `import` writes each as a run of kind `reference` into an MLflow store; the report and the user
interface of MLflow then show it beside the measured runs. A figure that was published as a range becomes two runs, one
for each end, because no number in between was published.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import MISSING, OmegaConf
from rich import box
from rich.console import Console
from rich.table import Table

from kerasbench.config import composition
from kerasbench.config.colours import colour
from kerasbench.process.interruption import interruptible
from kerasbench.store.notes import COLOUR, NOTE
from kerasbench.terminal import progress
from kerasbench.vocabulary import Kind, Metric, Tag

FIGURES = Path(__file__).with_suffix(".yaml")
_IMPORTED = "reference"  # the tag that identifies a published figure in the store


@dataclass
class Versions:
    """The versions that a figure was measured with, where published."""

    keras: str = MISSING
    backend: str | None = None


@dataclass
class Source:
    """A publication: its name, and the GPU and the versions, by backend, if it states them."""

    name: str = MISSING
    gpu: str | None = None
    versions: dict[str, Versions] = field(default_factory=dict)


@dataclass
class Figure:
    """A publication's figures of one model.

    Attributes:
        source: key of the publication.
        backend: None if the publication does not state it.
        seconds: per epoch; empty, one value, or the two ends of a range.
        accuracy: validation accuracy by epoch, counted from 1.
    """

    source: str = MISSING
    model: str = MISSING
    data: str = MISSING
    backend: str | None = None
    seconds: list[float] = field(default_factory=list)
    accuracy: dict[int, float] = field(default_factory=dict)
    remark: str = ""


@dataclass
class _File:
    sources: dict[str, Source] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)


@dataclass(frozen=True)
class Reference:
    """A run to write: its unique name, its tags, and its metrics by step."""

    name: str
    tags: dict[str, str]
    metrics: dict[int, dict[str, float]]


def references() -> list[Reference]:
    """Return the published figures as runs to write."""
    file = _read()
    return [one for figure in file.figures for one in _runs(figure, file.sources[figure.source])]


def _read() -> _File:
    merged = OmegaConf.merge(OmegaConf.structured(_File), OmegaConf.load(FIGURES))
    file = OmegaConf.to_object(merged)
    assert isinstance(file, _File)
    return file


def _runs(figure: Figure, source: Source) -> Iterator[Reference]:
    what = "2017" if figure.backend else "documented"
    name = " · ".join(filter(None, [what, figure.backend, figure.model, figure.data]))
    if len(figure.seconds) == 2:
        low, high = figure.seconds
        for end, seconds in (("lower", low), ("upper", high)):
            note = f"The {end} end of the published range, {low:g} to {high:g} s. {figure.remark}".strip()
            yield _run(f"{name} · {end} end", figure, source, note, seconds)
    else:
        yield _run(name, figure, source, figure.remark, *figure.seconds)


def _run(name: str, figure: Figure, source: Source, note: str, seconds: float | None = None) -> Reference:
    versions = source.versions.get(figure.backend or "")
    epochs = ", ".join(f"{accuracy:g} after {epoch} epochs" for epoch, accuracy in figure.accuracy.items())
    note = " ".join(filter(None, [f"Validation accuracy {epochs}." if epochs else "", note]))
    tags = {
        Tag.KIND: Kind.REFERENCE,
        _IMPORTED: name,
        Tag.MODEL: figure.model,
        Tag.DATA_NAME: figure.data,
        Tag.BACKEND: figure.backend,
        Tag.KERAS_VERSION: versions and versions.keras,
        Tag.BACKEND_VERSION: versions and versions.backend,
        Tag.GPU: source.gpu,
        Tag.SOURCE: source.name,
        Tag.NOTE: note,
        NOTE: f"Published, not measured here. {note}\n\nSource: {source.name}.",
        COLOUR: figure.backend and colour(figure.backend),
    }
    metrics = {epoch: {Metric.VAL_ACCURACY: accuracy} for epoch, accuracy in figure.accuracy.items()}
    if seconds is not None:
        metrics[0] = {Metric.STEADY_EPOCH_SECONDS: seconds}
    return Reference(name, {key: value for key, value in tags.items() if value}, metrics)


def import_into(uri: str | None, experiment: str | None) -> tuple[int, int]:
    """Write the figures that the store lacks; return how many were written and how many it already had.

    Raises:
        UserError: the store cannot be used.
    """
    from kerasbench.store.tracking import TrackedRun, open_store

    store = open_store(composition.store(uri, experiment), artifacts=False)
    client, experiment_id = store
    runs = client.search_runs([experiment_id], f"tags.{Tag.KIND} = '{Kind.REFERENCE}'", max_results=1000)
    held = {run.data.tags.get(_IMPORTED) for run in runs}
    missing = [reference for reference in references() if reference.name not in held]
    for reference in missing:
        with TrackedRun(store, reference.name, reference.tags) as tracked:
            for step, metrics in reference.metrics.items():
                tracked.metrics(metrics, step)
    return len(missing), len(held)


def show(console: Console) -> None:
    """Print the figures with their sources and remarks."""
    table = Table("model", "data", "backend", "Keras", box=box.SIMPLE_HEAD)
    for heading in ("s/epoch", Metric.VAL_ACCURACY):
        table.add_column(heading, justify="right")
    table.add_column("remark", overflow="fold")
    file = _read()
    for one in file.figures:
        versions = file.sources[one.source].versions.get(one.backend or "")
        seconds = " to ".join(f"{value:g}" for value in one.seconds)
        accuracy = ", ".join(f"{value:g} at {epoch}" for epoch, value in one.accuracy.items())
        keras = versions.keras if versions else ""
        table.add_row(one.model, one.data, one.backend or "not stated", keras, seconds, accuracy, one.remark)
    console.print(table)
    for source in file.sources.values():
        console.print(source.name + (f", on a {source.gpu}" if source.gpu else ""))


def main(arguments: list[str] | None = None) -> None:
    """Run `kerasbench reference`."""
    parser = argparse.ArgumentParser(prog="kerasbench reference", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="print the figures")
    importing = actions.add_parser("import", help="write them into a store; those that it has already are left out")
    importing.add_argument(
        "--uri", help="address of the MLflow store (default: MLFLOW_TRACKING_URI, or else mlruns/mlflow.db)"
    )
    importing.add_argument("--experiment", help="the experiment to write into (default: keras-backends)")
    options = parser.parse_args(arguments)
    console = progress.console()
    with interruptible():
        if options.action == "list":
            show(console)
        else:
            written, held = import_into(options.uri, options.experiment)
            console.print(f"{written} published figures imported; {held} were already in the store")


if __name__ == "__main__":
    main()
