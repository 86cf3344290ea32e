"""The only module that writes to MLflow: experiments, runs, metrics, params, tags, data sets and artifacts."""

import contextlib
import functools
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, Self

from filelock import FileLock

from kerasbench.config.schema import TrackingConfig
from kerasbench.credentials import without_credentials
from kerasbench.data import PreparedData
from kerasbench.process.interruption import uninterrupted
from kerasbench.store import notes
from kerasbench.store.access import active, check_artifacts, checked, connected, sqlite_file, store_errors
from kerasbench.terminal.errors import UserError
from kerasbench.vocabulary import Tag

from mlflow import MlflowClient  # isort: skip - after access, which keeps MLflow from reporting its use
from mlflow.entities import Dataset, DatasetInput, Experiment, InputTag, Metric, Param, RunTag  # isort: skip
from mlflow.exceptions import MlflowException  # isort: skip

_PARAMS_PER_CALL, _METRICS_PER_CALL = 100, 1000  # the largest numbers that MLflow accepts
_DIGEST_LENGTH = 36  # in characters; likewise
_CREATION_SECONDS = 120.0  # how long to wait while other processes create the store

_Arguments = ParamSpec("_Arguments")


def open_store(config: TrackingConfig, artifacts: bool = True) -> tuple[MlflowClient, str]:
    """Return a client of the store and the id of the experiment; create both if they do not exist.

    Two processes that create one SQLite store at the same time corrupt it, so a file lock admits one at a time.

    Args:
        config: the store and the experiment.
        artifacts: whether the caller will store files; their location is then checked, too.

    Raises:
        UserError: the store, the experiment or its artifact location cannot be used.
    """
    with store_errors(config.uri, "cannot be used"):
        uri, database = checked(config.uri, writing=True), sqlite_file(config.uri)
        if database is None:
            return _experiment(config, uri, None, artifacts)
        database.parent.mkdir(parents=True, exist_ok=True)
        with uninterrupted(), FileLock(f"{database}.lock", timeout=_CREATION_SECONDS):
            return _experiment(config, uri, _location(config.artifacts), artifacts)


def _location(artifacts: str) -> str:
    """Return a SQLite store's artifact location as a URI; the configured value may be a folder or a URI."""
    if not artifacts.strip():
        raise UserError("tracking.artifacts is empty: leave it out to use mlruns/artifacts, or name a folder")
    if without_credentials(artifacts) != artifacts:
        raise UserError("tracking.artifacts has a password, which the store would show to every reader: leave it out")
    return artifacts if "://" in artifacts else Path(artifacts).resolve().as_uri()


def _experiment(config: TrackingConfig, uri: str, location: str | None, artifacts: bool) -> tuple[MlflowClient, str]:
    """Return a client and the experiment's id.

    Args:
        config: the experiment.
        uri: the store's address.
        location: a new experiment's artifact location; None: the server decides.
        artifacts: whether to check that location.
    """
    client = connected(uri)
    known = client.get_experiment_by_name(config.experiment)
    if known is None:
        if artifacts and location:
            check_artifacts(location)
        known = _create(client, config.experiment, location)
    elif artifacts:
        check_artifacts(known.artifact_location)
    return client, active(known, config.uri)


def _create(client: MlflowClient, name: str, location: str | None) -> Experiment:
    try:
        client.create_experiment(name, artifact_location=location, tags={notes.NOTE: notes.OF_EXPERIMENT})
    except MlflowException:
        if client.get_experiment_by_name(name) is None:  # else another machine created it first
            raise
    created = client.get_experiment_by_name(name)
    assert created is not None
    return created


def set_experiment_tags(store: tuple[MlflowClient, str], tags: dict[str, str]) -> None:
    """Set tags of the experiment itself."""
    client, experiment_id = store
    with uninterrupted(), store_errors(client.tracking_uri, "cannot be written"):
        for key, value in tags.items():
            client.set_experiment_tag(experiment_id, key, without_credentials(value))


def _writes(
    method: Callable[Concatenate["TrackedRun", _Arguments], None],
) -> Callable[Concatenate["TrackedRun", _Arguments], None]:
    """Delay interruptions until a method has finished, and report store errors in one line."""

    @functools.wraps(method)
    def writing(run: "TrackedRun", /, *arguments: _Arguments.args, **named: _Arguments.kwargs) -> None:
        with uninterrupted(), store_errors(run.uri, "cannot be written"):
            method(run, *arguments, **named)

    return writing


class TrackedRun:
    """One MLflow run. As a context manager it always ends the run: as KILLED if an interruption cuts it short.

    It removes passwords from everything it writes. Each call names run id, timestamps and steps, because MLflow's
    fluent API would change global state.

    Every method raises UserError if the store cannot be written.
    """

    def __init__(
        self, store: tuple[MlflowClient, str], name: str, tags: dict[str, str], at: int | None = None, run_id: str = ""
    ) -> None:
        """Create the run, or continue an existing one.

        Args:
            store: the result of `open_store`.
            name: the run's name.
            tags: its first tags.
            at: its start, in milliseconds since the Unix epoch (default: now).
            run_id: the id of an existing run to continue.
        """
        self._client, self.experiment_id = store
        self.uri = self._client.tracking_uri
        self._ended = False
        self.run_id = run_id
        if run_id:
            return
        try:
            self._create(without_credentials(name), _cleaned(tags), at)
        except KeyboardInterrupt:
            if self.run_id:
                self.end("KILLED")
            raise

    @_writes
    def _create(self, name: str, tags: dict[str, str], at: int | None) -> None:
        run = self._client.create_run(self.experiment_id, start_time=at, tags=tags, run_name=name)
        self.run_id = run.info.run_id

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ended:
            return
        if error is None:
            self.end("FINISHED")
            return
        with contextlib.suppress(UserError):  # if the store fails now, too, report the first error
            if isinstance(error, Exception):
                self.fail(f"{type(error).__name__}: {error}")
            else:
                self.end("KILLED")

    @_writes
    def params(self, params: dict[str, str]) -> None:
        """Log the settings under their dotted keys."""
        entities = [Param(key, value) for key, value in _cleaned(params).items()]
        for start in range(0, len(entities), _PARAMS_PER_CALL):
            self._client.log_batch(self.run_id, params=entities[start : start + _PARAMS_PER_CALL])

    @_writes
    def tags(self, tags: dict[str, str]) -> None:
        """Set tags."""
        self._client.log_batch(self.run_id, tags=[RunTag(key, value) for key, value in _cleaned(tags).items()])

    def metrics(self, metrics: dict[str, float], step: int = 0, at: int | None = None) -> None:
        """Log metrics, NaN included; a database stores an infinite value as the largest finite one.

        Args:
            metrics: value by name.
            step: the epoch, counted from 1; 0 for the metrics of the whole run.
            at: when they were measured, in milliseconds since the Unix epoch (default: now).
        """
        self.measured([(metrics, step, milliseconds() if at is None else at)])

    @_writes
    def measured(self, several: Sequence[tuple[dict[str, float], int, int]]) -> None:
        """Log the metrics of several epochs in as few calls as MLflow accepts; each with its step and time."""
        entities = [
            Metric(key, float(value), at, step) for metrics, step, at in several for key, value in metrics.items()
        ]
        for start in range(0, len(entities), _METRICS_PER_CALL):
            self._client.log_batch(self.run_id, entities[start : start + _METRICS_PER_CALL])

    @_writes
    def dataset(self, data: PreparedData) -> None:
        """Log the data set as the run's input, with the digest computed at its preparation."""
        dataset = Dataset(
            name=without_credentials(data.name),
            digest=data.digest[:_DIGEST_LENGTH],
            source_type="local",
            source=json.dumps({"uri": Path(data.path).as_uri()}),
            profile=json.dumps({"train_examples": data.train_examples, "test_examples": data.test_examples}),
        )
        self._client.log_inputs(self.run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])

    @_writes
    def artifact(self, path: Path) -> None:
        """Store a file or a folder; passwords are removed from a text file."""
        text = _text(path)
        if text is not None and without_credentials(text) != text:
            self._client.log_text(self.run_id, without_credentials(text), path.name)
        else:
            self._client.log_artifact(self.run_id, str(path))

    @_writes
    def text(self, text: str, name: str) -> None:
        """Store a text under a file name."""
        self._client.log_text(self.run_id, without_credentials(text), name)

    @_writes
    def fail(self, reason: str) -> None:
        """End the run as FAILED, with the first line of the reason in its tag."""
        self.tags({Tag.FAILURE: reason.splitlines()[0] if reason else "unknown"})
        self.end("FAILED")

    @_writes
    def end(self, status: str, at: int | None = None) -> None:
        """End the run as FINISHED, FAILED or KILLED, `at` milliseconds since the Unix epoch (default: now)."""
        self._client.set_terminated(self.run_id, status, end_time=at)
        self._ended = True


def milliseconds() -> int:
    """Return the time in milliseconds since the Unix epoch, as MLflow stores it."""
    return int(time.time() * 1000)


def _cleaned(texts: dict[str, str]) -> dict[str, str]:
    return {without_credentials(key): without_credentials(value) for key, value in texts.items()}


def _text(path: Path) -> str | None:
    """Return a text file's content; None for a folder and for binary data."""
    if path.is_dir():
        return None
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
