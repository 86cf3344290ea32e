"""Replays the recorded runs of a sweep as cells: each in a process of its own, with the code that keeps a real run.

Simulated are the worker, its telemetry and the driver's Hydra: what they reported when the runs were recorded is
reported again, so many times as fast.
"""

import functools
import gzip
import json
import multiprocessing
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from kerasbench.config.schema import TrackingConfig
from kerasbench.data import PreparedData
from kerasbench.paths import PROJECT
from kerasbench.store.record import Operation
from kerasbench.store.recorded import RecordedRun
from kerasbench.store.tracking import open_store
from kerasbench.vocabulary import Tag

_RECORDED = PROJECT / "tests" / "recordings" / "runs.json.gz"
_MODELS = 10  # names under which the recorded model is replayed


@dataclass(frozen=True)
class Cell:
    """A run to replay: the number of a recording, and what tells it from others of the same backend."""

    number: int
    recording: int
    model: str
    seed: int

    @property
    def name(self) -> str:
        """Its name, which no other cell has."""
        return f"cell {self.number}"


@dataclass(frozen=True)
class Load:
    """What all cells have in common.

    Attributes:
        speed: how many times as fast as it was recorded.
        folder: for the records.
    """

    tracking: TrackingConfig
    speed: float
    folder: Path


@dataclass
class Replayed:
    """What a cell has measured.

    Attributes:
        events: how many times it reported something.
        began, ended: seconds since the Unix epoch; the second when the store had everything.
        calls: seconds of each call that logs metrics, params or tags.
        delays: seconds from the report of metrics until the store had them.
        problem: what the run warned of.
    """

    cell: Cell
    began: float
    ended: float = 0.0
    events: int = 0
    calls: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    problem: str = ""


@functools.cache
def recordings() -> list[list[Operation]]:
    """Return the operations of each recorded run."""
    runs: list[list[Operation]] = json.loads(gzip.decompress(_RECORDED.read_bytes()))
    return runs


def cells(count: int) -> list[Cell]:
    """Return cells: all backends, then models, then seeds."""
    kinds = len(recordings())
    return [
        Cell(number, number % kinds, f"model_{1 + number // kinds % _MODELS}", 1 + number // (kinds * _MODELS))
        for number in range(count)
    ]


def replay(load: Load, cell: Cell) -> Replayed:
    """Report what a recorded run has reported, as often and in the same order, but faster."""
    begin, *operations = recordings()[cell.recording]
    found = Replayed(cell, time.time())
    folder = load.folder / str(cell.number)
    folder.mkdir()
    store = open_store(load.tracking)
    _time_calls(store[0], found)
    of_cell = {Tag.MODEL: cell.model, Tag.SWEEP: "scale", Tag.COMPARISON_HASH: cell.model}
    warnings: list[str] = []
    with RecordedRun(folder, cell.name, begin["tags"] | of_cell, load.tracking, store, warnings.append) as run:
        for operation in operations:
            if "at" in operation:
                due = found.began + (operation["at"] - begin["at"]) / 1000 / load.speed
                time.sleep(max(0.0, due - time.time()))
            _report(run, operation, cell, folder)
            found.events += 1
    found.ended = time.time()
    found.problem = "; ".join(warnings)
    return found


def _time_calls(client: MlflowClient, found: Replayed) -> None:
    log = client.log_batch

    def timed(run_id: str, metrics: Sequence[Any] = (), **named: Any) -> None:
        began = time.time()
        log(run_id, metrics, **named)
        ended = time.time()
        found.calls.append(ended - began)
        found.delays.extend(ended - at / 1000 for _, at in {(one.step, one.timestamp) for one in metrics})

    client.log_batch = timed  # type: ignore[method-assign, assignment]


def _report(run: RecordedRun, operation: Operation, cell: Cell, folder: Path) -> None:
    match operation["op"]:
        case "params":
            run.params(operation["params"] | {"seed": str(cell.seed), "model.name": cell.model})
        case "tags":
            run.tags(operation["tags"])
        case "metrics":
            run.metrics(operation["metrics"], operation["step"])
        case "dataset":
            run.dataset(PreparedData(**operation["data"]))
        case "text":
            run.text(operation["text"], operation["name"])
        case "artifact":
            file = folder / operation["name"]
            file.write_bytes(b"x" * operation["bytes"])
            run.artifact(file)
        case "end":
            run.end(operation["status"])


def expected(cell: Cell) -> dict[str, list[tuple[int, float]]]:
    """Return the values of each metric that a store must have of a cell."""
    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for operation in recordings()[cell.recording]:
        if operation["op"] == "metrics":
            for name, value in operation["metrics"].items():
                found[name].append((operation["step"], value))
    return {name: sorted(values) for name, values in found.items()}


def replay_all(load: Load, chosen: Sequence[Cell], at_once: int) -> list[Replayed]:
    """Replay cells, so many at once; return what each has measured."""
    context = multiprocessing.get_context("forkserver")  # forks a process that has imported everything, for each cell
    context.set_forkserver_preload([__name__])
    with context.Pool(at_once, maxtasksperchild=1) as pool:
        return pool.map(functools.partial(replay, load), chosen, chunksize=1)
