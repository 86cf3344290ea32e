"""A run that a user's own process writes: a new one, MLflow's active one, or one that the user names.

MLflow's fluent state is read for the active run, and never changed.
"""

import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from mlflow import MlflowClient

from kerasbench.config.schema import TrackingConfig
from kerasbench.paths import tracking_uri, work_path
from kerasbench.store.access import checked, connected, store_errors
from kerasbench.store.record import Operation
from kerasbench.store.tracking import TrackedRun, milliseconds, open_store
from kerasbench.store.writer import Applying, Writer
from kerasbench.terminal.errors import one_line
from kerasbench.vocabulary import Metric, Tag

_SETTLE_SECONDS = 2.0  # how long the training waits for the store after an epoch
_PATIENCE_SECONDS, _FAILING_SECONDS = 30.0, 2.0  # at the end; the second for a store that fails at that moment


def tracking(uri: str | None, experiment: str) -> TrackingConfig:
    """Return the store that a user names, or train.py's."""
    return TrackingConfig(uri or tracking_uri(), work_path("mlruns/artifacts"), experiment, _PATIENCE_SECONDS)


def _active_run() -> tuple[str, str] | None:
    """Return the store and the id of MLflow's active run."""
    mlflow: Any = sys.modules["mlflow"]
    run = mlflow.active_run()
    return (mlflow.get_tracking_uri(), run.info.run_id) if run else None


class Attached:
    """The run of one `fit`.

    A thread hands its figures on to the store. The training waits for it between two epochs, when no clock runs, but
    not for long, so that a store that is slow or gone does not hold it up.

    Attributes:
        run_id: its id.
        epoch_seconds, elapsed: the two metrics of every epoch, also of earlier calls of `fit` in the same run.
    """

    def __init__(
        self,
        config: TrackingConfig,
        run_id: str | None,
        may_be_active: bool,
        tags: dict[str, str],
        tags_if_new: dict[str, str],
        warn: Callable[[str], None],
    ) -> None:
        """Find or create the run.

        Args:
            config: the store and the experiment.
            run_id: an existing run of that store.
            may_be_active: whether MLflow's active run, in whatever store, goes before a new one.
            tags: of the run.
            tags_if_new: further tags, if it is created here.
            warn: called with one line if the store does not take everything.

        Raises:
            UserError: the store cannot be used, or has no such run.
        """
        self._warn = warn
        self.epoch_seconds: list[float] = []
        self.elapsed: list[float] = []
        self._earlier: list[int] = []  # the steps of earlier calls of `fit`
        self._fit = 0
        self._kept: set[str] = set()  # the params that it has already
        active = None if run_id or not may_be_active else _active_run()
        uri, run_id = active or (config.uri, run_id)
        self._own = run_id is None
        if run_id is None:
            name = f"{tags[Tag.COMPETITOR]} · {tags[Tag.MODEL]}"
            self._run = TrackedRun(open_store(config, artifacts=False), name, tags | tags_if_new)
        else:
            with store_errors(uri, f"cannot be used for run {run_id}"):
                client = connected(checked(uri, writing=True))
                self._read(client, run_id)
            self._run = TrackedRun((client, ""), "", {}, run_id=run_id)
        self.run_id = self._run.run_id
        self._writer = Writer(lambda: cast(Applying, _Applying(self._run)))
        if not self._own:
            self.tags(tags)

    def _read(self, client: MlflowClient, run_id: str) -> None:
        """Read what earlier calls of `fit` have left in the run."""
        data = client.get_run(run_id).data
        self._kept = set(data.params)
        history = {
            metric: sorted(client.get_metric_history(run_id, metric), key=lambda one: one.step)
            for metric in (Metric.EPOCH_SECONDS, Metric.ELAPSED_SECONDS)
        }
        self.epoch_seconds = [one.value for one in history[Metric.EPOCH_SECONDS]]
        self.elapsed = [one.value for one in history[Metric.ELAPSED_SECONDS]]
        self._earlier = [one.step for one in history[Metric.EPOCH_SECONDS]]
        if self._earlier:
            self._fit = int(data.metrics.get(Metric.FIT, 0)) + 1

    @property
    def elapsed_seconds(self) -> float:
        """The seconds of the run before this `fit`."""
        return self.elapsed[-1] if self.elapsed else 0.0

    def _put(self, operation: str, **arguments: Any) -> None:
        self._writer.put({"op": operation} | arguments)

    def tags(self, tags: dict[str, str]) -> None:
        """Set tags."""
        if tags:
            self._put("tags", tags=tags)

    def params(self, params: dict[str, str]) -> None:
        """Log settings; MLflow lets none change, so an existing run keeps those that it has."""
        self._put("params", params={key: value for key, value in params.items() if key not in self._kept})

    def metrics(self, metrics: dict[str, float], step: int = 0) -> None:
        """Log metrics of the run, or of an epoch, which is counted from 1."""
        self._put("metrics", metrics=metrics, step=step, at=milliseconds())

    def epoch(self, epoch: int, number: int, metrics: dict[str, float]) -> None:
        """Log an epoch, after those of earlier calls of `fit` in this run.

        Args:
            epoch: Keras' own number of it.
            number: how many epochs of this `fit` came before it.
            metrics: among them `epoch_seconds` and `elapsed_seconds`.
        """
        self.epoch_seconds.append(metrics[Metric.EPOCH_SECONDS])
        self.elapsed.append(metrics[Metric.ELAPSED_SECONDS])
        if not self._fit:
            self.metrics(metrics, step=epoch + 1)
            return
        if self._fit == 1 and number == 0:  # only now the run has several
            for step in self._earlier:
                self.metrics({Metric.FIT: 0.0}, step)
        self.metrics(metrics | {Metric.FIT: float(self._fit)}, step=self._earlier[-1] + number + 1)

    def settle(self) -> None:
        """Wait for the store, but not for one that fails or hangs."""
        if not self._writer.problem:
            event = threading.Event()
            self._put("settle", event=event)
            event.wait(_SETTLE_SECONDS)

    def end(self) -> None:
        """End the run as FINISHED, if it was created here, and hand on what the store does not have yet."""
        self._end("FINISHED")

    def fail(self, error: BaseException | None) -> None:
        """End a run whose `fit` did not return: KILLED by an interruption, FAILED by an error, which may be unknown."""
        if isinstance(error, KeyboardInterrupt | SystemExit):
            self._end("KILLED")
            return
        reason = f"{type(error).__name__}: {one_line(error)}" if error else "fit raised an error, or did not return"
        if self._own:
            self.tags({Tag.FAILURE: reason})
        self._end("FAILED")

    def _end(self, status: str) -> None:
        if self._own:
            self._put("end", status=status, at=milliseconds())
        if not self._writer.close(_FAILING_SECONDS if self._writer.problem else _PATIENCE_SECONDS):
            why = one_line(self._writer.problem) if self._writer.problem else "no answer"
            self._warn(f"the last figures of run {self.run_id} are not in the store: {why}")


class _Applying:
    """Applies operations to a run, as `Writer` asks for."""

    def __init__(self, run: TrackedRun) -> None:
        self._run = run
        self.progress = SimpleNamespace(run_id=run.run_id)

    def apply(self, batch: list[Operation]) -> None:
        """Apply operations: each a method of `TrackedRun` and its arguments."""
        for operation in batch:
            arguments = {name: value for name, value in operation.items() if name != "op"}
            if operation["op"] == "settle":
                arguments["event"].set()
            else:
                getattr(self._run, operation["op"])(**arguments)

    def finish(self) -> None:
        """Do nothing: no operation waits for another attempt."""
