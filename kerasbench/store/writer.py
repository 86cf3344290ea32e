"""Hands a run's record on to its store, in order: in a thread beside the training, or afterwards."""

import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from mlflow import MlflowClient

from kerasbench.data import PreparedData
from kerasbench.store.record import Operation, Record
from kerasbench.store.tracking import TrackedRun
from kerasbench.vocabulary import Tag

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0  # seconds between attempts

Store = tuple[MlflowClient, str]  # what `open_store` returns


class Applying:
    """Applies the operations of one record to a store; each is a method of `TrackedRun` and its arguments.

    Each operation may be applied again without harm: a run is known by its tag `record`, a metric's value by its
    timestamp and step, and everything else replaces itself.
    """

    def __init__(self, store: Store, record: Record) -> None:
        self._store = store
        self._record = record
        self.progress = record.progress
        self._run = TrackedRun(store, "", {}, run_id=self.progress.run_id) if self.progress.run_id else None

    def apply(self, operation: Operation) -> None:
        """Apply the next operation, and keep that it has been applied.

        Raises:
            UserError: the store cannot be written.
        """
        arguments = {name: value for name, value in operation.items() if name not in ("op", "version")}
        if operation["op"] == "run":
            self._begin(arguments["name"], arguments["tags"], arguments["at"])
        else:
            assert self._run is not None
            if "path" in arguments:
                arguments["path"] = Path(arguments["path"])
            if "data" in arguments:
                arguments["data"] = PreparedData(**arguments["data"])
            if "path" not in arguments or arguments["path"].exists():  # the folder may have been deleted since
                getattr(self._run, operation["op"])(**arguments)
        self.progress.applied += 1
        self.progress.complete = operation["op"] == "end"
        self._record.advance(self.progress)

    def _begin(self, name: str, tags: dict[str, str], at: int) -> None:
        client, experiment_id = self._store
        known = client.search_runs([experiment_id], f"tags.{Tag.RECORD} = '{tags[Tag.RECORD]}'", max_results=1)
        run_id = known[0].info.run_id if known else ""  # created by an attempt whose answer was lost
        self._run = TrackedRun(self._store, name, tags, at, run_id)
        self.progress.run_id = self._run.run_id


class Writer:
    """Applies operations in a thread, so that a store that is slow, restarting or gone never holds up a training."""

    def __init__(self, connect: Callable[[], Applying]) -> None:
        """Start the thread.

        Args:
            connect: opens the store; it is called again until it succeeds.
        """
        self._connect = connect
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
        while applying is not None and not self._abandoned.is_set():
            operation = self._queue.get()
            if operation is None:
                self._finished.set()
                return
            self._insist(lambda one=operation: applying.apply(one))  # type: ignore[misc]
            self.run_id = applying.progress.run_id

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
