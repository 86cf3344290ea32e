"""The state of a run that its task uses."""

from dataclasses import dataclass

from kerasbench import environments
from kerasbench.config.schema import Config
from kerasbench.process.worker_process import WorkerProcess
from kerasbench.store.recorded import RecordedRun
from kerasbench.tasks.outcome import Outcome
from kerasbench.terminal.errors import RunFailed
from kerasbench.terminal.progress import Teller
from kerasbench.vocabulary import Metric, Tag
from kerasbench.worker import protocol


@dataclass(frozen=True)
class Session:
    """One tracked run and its worker, which has been sent the task's request."""

    config: Config
    worker: WorkerProcess
    tracked: RecordedRun
    outcome: Outcome
    announce: Teller

    def await_ready(self) -> None:
        """Wait until the worker has imported Keras, and record the versions.

        Raises:
            RunFailed: the import fails.
        """
        try:
            ready = self.worker.expect(protocol.READY)
        except RunFailed:
            environments.doubt(environments.Specification.of(self.config))
            raise
        versions = {"keras": Tag.KERAS_VERSION, "backend": Tag.BACKEND_VERSION, "python": Tag.PYTHON_VERSION}
        self.tracked.tags({tag: ready[f"{what}_version"] for what, tag in versions.items()})
        start_seconds = max(0.0, ready["started_at"] - self.worker.started_at)
        self.tracked.metrics({Metric.START_SECONDS: start_seconds, Metric.IMPORT_SECONDS: ready["import_seconds"]})
        framework = self.config.backend.framework
        told = f"Keras {ready['keras_version']} on {framework} {ready['backend_version']}"
        self.announce(f"{told} is imported; building the model")

    def in_force(self, settings: dict[str, str]) -> None:
        """Record the settings in force, as the running framework reports them."""
        self.tracked.tags({f"{Tag.IN_FORCE}{name}": value for name, value in settings.items()})
