"""The only module that writes to MLflow: experiments, runs, metrics, params, tags, the data set and artifacts."""

import json
import logging
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote

from filelock import FileLock

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # it would report its use; read when it is imported

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from kerasbench.config.schema import TrackingConfig
from kerasbench.credentials import without_credentials
from kerasbench.data import PreparedData
from kerasbench.process.interruption import uninterrupted
from kerasbench.store import notes
from kerasbench.terminal.errors import UserError
from kerasbench.vocabulary import Tag

logging.getLogger("mlflow.store").setLevel(logging.WARNING)  # it tells of every table that it creates

_PARAMS_PER_CALL = 100  # what MLflow takes at most
_DIGEST_LENGTH = 36  # likewise, in characters

# What a store raises that cannot be used: MLflow, its database, a database's driver that is not installed.
STORE_ERRORS = (MlflowException, SQLAlchemyError, ImportError, OSError)


def sqlite_file(uri: str) -> Path | None:
    """Return the file of a SQLite store; None of another store. `?` begins the database's options, `%3F` is a `?`."""
    scheme, _, path = uri.partition("sqlite:///")
    return None if scheme or not path else Path(unquote(path.partition("?")[0]))


def open_store(config: TrackingConfig) -> tuple[MlflowClient, str]:
    """Return a client of the store and the id of the experiment, both created if they are not there yet.

    Two processes that open a SQLite store that does not exist break it for good: it is created under a file lock.

    Raises:
        UserError: the store cannot be opened or written.
    """
    try:
        database = sqlite_file(config.uri)
        if database is None:
            return _experiment(config, artifacts=None)
        database.parent.mkdir(parents=True, exist_ok=True)
        with uninterrupted(), FileLock(f"{database}.lock"):
            return _experiment(config, artifacts=Path(config.artifacts).resolve().as_uri())
    except STORE_ERRORS as error:
        raise UserError(f"tracking.uri={config.uri} cannot be used: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """Return the first line of what a store says of itself; the others are its calls and its documentation."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _experiment(config: TrackingConfig, artifacts: str | None) -> tuple[MlflowClient, str]:
    client = MlflowClient(tracking_uri=config.uri)
    known = client.get_experiment_by_name(config.experiment)
    if known is not None:
        return client, known.experiment_id
    try:
        tags = {notes.NOTE: notes.OF_EXPERIMENT}
        return client, client.create_experiment(config.experiment, artifact_location=artifacts, tags=tags)
    except MlflowException:  # another machine was faster on a shared server
        known = client.get_experiment_by_name(config.experiment)
        if known is None:
            raise
        return client, known.experiment_id


@uninterrupted()
def set_experiment_tags(store: tuple[MlflowClient, str], tags: dict[str, str]) -> None:
    """Set tags of the experiment itself."""
    client, experiment_id = store
    for key, value in tags.items():
        client.set_experiment_tag(experiment_id, key, value)


class TrackedRun:
    """One MLflow run. As a context manager it is always ended: KILLED where an interruption cuts it short.

    It is written with explicit run id, timestamps and steps; MLflow's fluent API would change global state.
    """

    def __init__(self, store: tuple[MlflowClient, str], name: str, tags: dict[str, str]) -> None:
        self._client, self.experiment_id = store
        self._ended = False
        self.run_id = ""
        try:
            with uninterrupted():
                run = self._client.create_run(self.experiment_id, tags=tags, run_name=name)
                self.run_id = run.info.run_id
        except KeyboardInterrupt:
            if self.run_id:
                self.end("KILLED")
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ended:
            return
        if error is not None and isinstance(error, Exception):
            self.fail(f"{type(error).__name__}: {error}")
        else:
            self.end("KILLED" if error is not None else "FINISHED")

    @uninterrupted()
    def params(self, params: dict[str, str]) -> None:
        """Log the settings, under their dotted keys."""
        entities = [Param(key, value) for key, value in params.items()]
        for start in range(0, len(entities), _PARAMS_PER_CALL):
            self._client.log_batch(self.run_id, params=entities[start : start + _PARAMS_PER_CALL])

    @uninterrupted()
    def tags(self, tags: dict[str, str]) -> None:
        """Set tags."""
        self._client.log_batch(self.run_id, tags=[RunTag(key, value) for key, value in tags.items()])

    @uninterrupted()
    def metrics(self, metrics: dict[str, float], step: int = 0) -> None:
        """Log metrics: an epoch's with the epoch, counted from 1, as their step; the run's own at step 0."""
        now = int(time.time() * 1000)
        self._client.log_batch(self.run_id, [Metric(key, value, now, step) for key, value in metrics.items()])

    @uninterrupted()
    def dataset(self, data: PreparedData) -> None:
        """Name the data set as the run's input; its digest was computed when it was prepared."""
        dataset = Dataset(
            name=data.name,
            digest=data.digest[:_DIGEST_LENGTH],
            source_type="local",
            source=json.dumps({"uri": Path(data.path).as_uri()}),
            profile=json.dumps({"train_examples": data.train_examples, "test_examples": data.test_examples}),
        )
        self._client.log_inputs(self.run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])

    @uninterrupted()
    def artifact(self, path: Path) -> None:
        """Keep a file."""
        self._client.log_artifact(self.run_id, str(path))

    @uninterrupted()
    def text(self, text: str, name: str) -> None:
        """Keep a text under a file name."""
        self._client.log_text(self.run_id, text, name)

    @uninterrupted()
    def fail(self, reason: str) -> None:
        """End the run as FAILED, the first line of the reason in its tag."""
        self.tags({Tag.FAILURE: without_credentials(reason).splitlines()[0] if reason else "unknown"})
        self.end("FAILED")

    @uninterrupted()
    def end(self, status: str) -> None:
        """End the run as FINISHED, FAILED or KILLED."""
        self._client.set_terminated(self.run_id, status)
        self._ended = True
