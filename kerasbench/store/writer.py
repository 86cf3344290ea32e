"""Hands a run's record on to its store, in order: in a thread beside the training, or afterwards."""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from kerasbench.data import PreparedData
from kerasbench.store.record import Operation, Progress, Record
from kerasbench.store.tracking import TrackedRun
from kerasbench.terminal.errors import UserError
from kerasbench.vocabulary import Tag

_OPERATIONS = ("run", "params", "tags", "metrics", "dataset", "artifact", "text", "end")
_FILES = ("artifact", "text")
_UNKNOWN = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # a run that is not there; an id that can be none
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0  # seconds between attempts
_TOGETHER = 100  # operations of metrics that are applied, and kept as applied, at once

Store = tuple[MlflowClient, str]  # what `open_store` returns


def batches(operations: Iterable[Operation]) -> Iterator[list[Operation]]:
    """Yield operations in order: adjacent ones of metrics together, which take one call, and every other one alone."""
    for joined, some in itertools.groupby(operations, _is_of_metrics):
        while batch := list(itertools.islice(some, _TOGETHER if joined else 1)):
            yield batch


def _is_of_metrics(operation: Operation) -> bool:
    return bool(operation["op"] == "metrics")


class Applying:
    """Applies the operations of one record to a store; each is a method of `TrackedRun` and its arguments.

    Each operation may be applied again without harm: a run is known by its tag `record`, a metric's value by its
    timestamp and step, and everything else replaces itself. Files are kept in another place than metrics, which may
    fail alone: they wait, and hold up nothing else.
    """

    def __init__(self, store: Store, record: Record) -> None:
        """Continue where the record's progress says.

        Raises:
            MlflowException: the store cannot be read.
        """
        self._store = store
        self._record = record
        self.progress = record.progress
        if self.progress.run_id and not _has(store[0], self.progress.run_id):
            self.progress = Progress()  # the store has been deleted since, or is another one
        self._run = TrackedRun(store, "", {}, run_id=self.progress.run_id) if self.progress.run_id else None
        operations = record.operations() if self.progress.waiting else []
        self._waiting = {number: operations[number] for number in self.progress.waiting if number < len(operations)}

    def apply(self, batch: list[Operation]) -> None:
        """Apply the next operations, one or several of metrics, and keep that they have been applied.

        Raises:
            UserError: the store cannot be written, or the record is damaged.
        """
        operation = batch[0]
        if operation["op"] not in _OPERATIONS or (self._run is None) != (operation["op"] == "run"):
            raise UserError(f"{self._record.folder} holds no record of a run: {operation['op']!r:.50} has no place")
        try:
            if self._run and _is_of_metrics(operation):
                self._run.measured([(one["metrics"], one["step"], one["at"]) for one in batch])
            else:
                self._call(operation)
        except UserError:
            if operation["op"] not in _FILES:
                raise
            self._waiting[self.progress.applied] = operation
        self.progress.applied += len(batch)
        self._keep(complete=operation["op"] == "end" and not self._waiting)

    def finish(self) -> None:
        """Try again to store the files that wait; call it after the last operation.

        Raises:
            UserError: a file cannot be stored.
        """
        while self._waiting:
            number = next(iter(self._waiting))
            self._call(self._waiting[number])
            del self._waiting[number]
            self._keep(complete=not self._waiting)

    def _keep(self, complete: bool) -> None:
        self.progress.complete, self.progress.waiting = complete, list(self._waiting)
        self._record.advance(self.progress)

    def _call(self, operation: Operation) -> None:
        arguments = {name: value for name, value in operation.items() if name not in ("op", "version")}
        if operation["op"] == "run":
            self._begin(arguments["name"], arguments["tags"], arguments["at"])
            return
        if "path" in arguments:
            arguments["path"] = Path(arguments["path"])
            if not arguments["path"].exists():  # the folder may have been deleted since
                return
        if "data" in arguments:
            arguments["data"] = PreparedData(**arguments["data"])
        getattr(self._run, operation["op"])(**arguments)

    def _begin(self, name: str, tags: dict[str, str], at: int) -> None:
        client, experiment_id = self._store
        known = client.search_runs([experiment_id], f"tags.{Tag.RECORD} = '{tags[Tag.RECORD]}'", max_results=1)
        run_id = known[0].info.run_id if known else ""  # created by an attempt whose answer was lost
        self._run = TrackedRun(self._store, name, tags, at, run_id)
        self.progress.run_id = self._run.run_id


def _has(client: MlflowClient, run_id: str) -> bool:
    try:
        client.get_run(run_id)
    except MlflowException as error:
        if error.error_code in _UNKNOWN:
            return False
        raise
    return True


class Writer:
    """Applies operations in a thread, so that a store that is slow, restarting or gone never holds up a training.

    Metrics that wait are applied together: the slower the store, the fewer calls it gets.
    """

    def __init__(self, connect: Callable[[], Applying], pause_seconds: float = 0.0) -> None:
        """Start the thread.

        Args:
            connect: opens the store; it is called again until it succeeds.
            pause_seconds: metrics are applied at most so often, unless something else follows them.
        """
        self._connect, self._pause = connect, pause_seconds
        self._queue: SimpleQueue[Operation | None] = SimpleQueue()
        self._abandoned = threading.Event()
        self._finished = threading.Event()
        self.problem: Exception | None = None  # why the last attempt failed
        self.run_id = ""
        threading.Thread(target=self._run, name="store", daemon=True).start()

    def put(self, operation: Operation) -> None:
        """Have an operation applied after those before it."""
        self._queue.put(operation)

    def close(self, patience_seconds: float) -> bool:
        """Wait until all operations have been applied, at most so long; return whether they have."""
        self._queue.put(None)
        finished = self._finished.wait(patience_seconds)
        self._abandoned.set()
        return finished

    def _run(self) -> None:
        applying = self._insist(self._connect)
        if applying is None:
            return
        for batch in self._batches():
            self._insist(lambda some=batch: applying.apply(some))  # type: ignore[misc]
            if self._abandoned.is_set():
                return
            self.run_id = applying.progress.run_id
        self._insist(applying.finish)
        if not self._abandoned.is_set():
            self._finished.set()

    def _batches(self) -> Iterator[list[Operation]]:
        """Yield what is put, in order, until the end; metrics that wait for their turn, together."""
        waiting: list[Operation] = []
        due = 0.0
        while True:
            operation: Operation | None = {}  # none, but `waiting` is due
            with contextlib.suppress(Empty):
                operation = self._queue.get(timeout=max(0.0, due - time.monotonic()) if waiting else None)
            if operation and _is_of_metrics(operation):
                waiting.append(operation)
                continue
            if waiting:
                yield waiting
                waiting, due = [], time.monotonic() + self._pause
            if operation is None:
                return
            if operation:
                yield [operation]

    def _insist(self, attempt: Callable[[], Any]) -> Any:
        """Call until it succeeds, with ever longer pauses, or until nobody waits any more."""
        pause = _FIRST_PAUSE
        while not self._abandoned.is_set():
            try:
                result = attempt()
                self.problem = None
                return result
            except Exception as error:  # whatever a store, its driver or the network raises
                self.problem = error
                self._abandoned.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        return None
