"""Hands a run's record on to its store, in order: in a thread beside the training, or afterwards."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

from kerasbench.store.record import Operation, Progress, Record
from kerasbench.vocabulary import Tag

_PARAMS_PER_CALL = 100  # what MLflow takes at most
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0  # seconds between attempts


class Applying:
    """Applies the operations of one record to a store.

    Each operation may be applied again without harm: a run is known by its tag `record`, a metric's value by its
    timestamp and step, and everything else replaces itself.
    """

    def __init__(self, client: MlflowClient, experiment_id: str, record: Record) -> None:
        self._client = client
        self._experiment_id = experiment_id
        self._record = record
        self.progress = record.progress

    def apply(self, operation: Operation) -> None:
        """Apply the next operation, and keep that it has been applied.

        Raises:
            what MLflow raises, when the store does not take it.
        """
        arguments = {name: value for name, value in operation.items() if name not in ("op", "version")}
        getattr(self, f"_{operation['op']}")(**arguments)
        self.progress.applied += 1
        self._record.advance(self.progress)

    def _run(self, name: str, tags: dict[str, str], at: int) -> None:
        self.progress.run_id = self._existing(tags[Tag.RECORD]) or self._created(name, tags, at)

    def _existing(self, record: str) -> str:
        found = self._client.search_runs([self._experiment_id], f"tags.`{Tag.RECORD}` = '{record}'", max_results=1)
        return str(found[0].info.run_id) if found else ""

    def _created(self, name: str, tags: dict[str, str], at: int) -> str:
        run = self._client.create_run(self._experiment_id, start_time=at, tags=tags, run_name=name)
        return str(run.info.run_id)

    def _params(self, params: dict[str, str]) -> None:
        entities = [Param(key, value) for key, value in params.items()]
        for start in range(0, len(entities), _PARAMS_PER_CALL):
            self._client.log_batch(self.progress.run_id, params=entities[start : start + _PARAMS_PER_CALL])

    def _tags(self, tags: dict[str, str]) -> None:
        self._client.log_batch(self.progress.run_id, tags=[RunTag(key, value) for key, value in tags.items()])

    def _metrics(self, metrics: dict[str, float], step: int, at: int) -> None:
        entities = [Metric(key, value, at, step) for key, value in metrics.items()]
        self._client.log_batch(self.progress.run_id, entities)

    def _dataset(self, name: str, digest: str, source: str, profile: dict[str, int]) -> None:
        dataset = Dataset(name, digest, "local", json.dumps({"uri": source}), profile=json.dumps(profile))
        context = [InputTag("mlflow.data.context", "training")]
        self._client.log_inputs(self.progress.run_id, [DatasetInput(dataset, context)])

    def _artifact(self, path: str) -> None:
        if Path(path).exists():  # the folder may have been deleted since
            self._client.log_artifact(self.progress.run_id, path)

    def _text(self, text: str, name: str) -> None:
        self._client.log_text(self.progress.run_id, text, name)

    def _end(self, status: str, at: int) -> None:
        self._client.set_terminated(self.progress.run_id, status, end_time=at)


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
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self.progress = Progress()
        self.problem: BaseException | None = None  # why the last attempt failed
        self._thread.start()

    def put(self, operation: Operation) -> None:
        """Have an operation applied after those before it."""
        self._queue.put(operation)

    def close(self, patience_seconds: float) -> bool:
        """Wait until all operations have been applied, at most so long; return whether they have."""
        self._queue.put(None)
        self._thread.join(patience_seconds)
        self._abandoned.set()
        return not self._thread.is_alive() and self.problem is None

    def _run(self) -> None:
        applying = self._insist(self._connect)
        while applying and (operation := self._queue.get()) is not None:
            self._insist(lambda applying=applying, operation=operation: applying.apply(operation))  # type: ignore[misc]
            self.progress = applying.progress
            if self._abandoned.is_set():
                return

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
