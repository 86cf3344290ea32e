"""The callback itself. Importing this module imports Keras, and with it the backend that the user has chosen."""

import os
import warnings
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import keras

from kerasbench import stats, store
from kerasbench.callback import description
from kerasbench.callback.ending import Watch
from kerasbench.machine import hardware, provenance
from kerasbench.machine.gpus import Gpus
from kerasbench.machine.run_owner import owner
from kerasbench.machine.telemetry import Telemetry
from kerasbench.store import notes
from kerasbench.tasks.metrics import of_epoch
from kerasbench.vocabulary import Metric, Tag
from kerasbench.worker.callbacks import EpochClock
from kerasbench.worker.framework import Framework
from kerasbench.worker.memory import peak_rss_mib
from kerasbench.worker.protocol import now

_TELEMETRY_SECONDS = 0.25  # between two samples, as in train.py
_UNNAMED = "unnamed"

if int(keras.__version__.split(".")[0]) < 3:
    raise ImportError(f"MlflowCallback needs Keras 3, and this is Keras {keras.__version__}")


@dataclass(frozen=True)
class Asked:
    """The arguments of `MlflowCallback`."""

    tracking_uri: str | None
    experiment: str
    run_id: str | None
    model: str | None
    data: str | None
    examples: int | None
    label: str | None


class Reporter(EpochClock):
    """Logs each epoch's times and results to MLflow.

    Attributes:
        run_id: of the run that the last `fit` was logged to; empty before the first.
    """

    def __init__(self, asked: Asked) -> None:
        """Log as `MlflowCallback` was asked to."""
        super().__init__(Framework(keras.backend.backend(), {}))
        self.run_id = ""
        self._asked = asked
        self._attached: Any = None  # while `fit` runs
        self._context = ExitStack()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Open the run, before any clock starts."""
        self._fit_ended(None)  # an earlier one that raised
        store.in_users_process = True
        from kerasbench.store.callback_run import Attached, tracking  # imports MLflow

        asked, model = self._asked, self.model
        with ExitStack() as context:
            gpus = context.enter_context(Gpus())
            self._params = description.params(model, self.params)
            name = asked.model or description.model_name(model)
            tags = description.tags(name, asked.data or _UNNAMED, asked.label)
            look = notes.of_own_process(tags)
            tags |= hardware.tags(gpus.gpus()) | provenance.tags()
            tags |= {f"{Tag.IN_FORCE}{key}": value for key, value in self._framework.in_force(model).items()}
            configured = tracking(asked.tracking_uri, asked.experiment)
            own = look | {Tag.OWNER: owner()}
            self._attached = Attached(configured, asked.run_id, asked.tracking_uri is None, tags, own, warnings.warn)
            self.run_id = self._attached.run_id
            self._attached.params(self._params | {"model.name": name})
            self._watch = Watch(self._fit_ended)
            context.callback(self._watch.stop)
            self._telemetry = context.enter_context(Telemetry(os.getpid(), gpus, _TELEMETRY_SECONDS))
            self._context = context.pop_all()
        self._compared = self._training = False
        self._compare()
        self._attached.settle()
        self._begun_at = now() - self._attached.elapsed_seconds
        self._first: int | None = None

    def _compare(self) -> None:
        """Say with which runs this one may be compared; TensorFlow builds some models in their first step."""
        if not self._compared and self.model.built:
            self._compared = True
            self._attached.tags(description.comparison(self.model, self._params))
            self._attached.params({"model.parameters": str(self.model.count_params())})
            self._attached.metrics({"parameters": float(self.model.count_params())})

    def report(self, epoch: int, measured: dict[str, Any]) -> None:
        """Log an epoch."""
        self._first = epoch if self._first is None else self._first
        ended_at = now()  # with its validation
        metrics = of_epoch(measured | {"examples": self._asked.examples or None})
        metrics[Metric.ELAPSED_SECONDS] = ended_at - self._begun_at
        metrics |= self._telemetry.between(measured["started_at"], measured["ended_at"])
        self._compare()
        self._attached.epoch(epoch, epoch - self._first, metrics)
        self._attached.settle()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Log the figures of the whole run, and end it, if it is its own."""
        attached = self._attached
        noise, jump = self._telemetry.noise(), self._telemetry.clock_jump()
        attached.tags({key: told for key, told in ((Tag.NOISE, noise), (Tag.CLOCK, jump)) if told})
        summary = stats.epoch_summary(attached.epoch_seconds)
        if attached.elapsed:
            summary[Metric.TIME_TO_FIRST_EPOCH_SECONDS] = attached.elapsed[0]
            summary[Metric.TOTAL_SECONDS] = attached.elapsed[-1]
        attached.metrics(summary | {Metric.PEAK_RSS_MIB: peak_rss_mib()})
        attached.end()
        self._detach()

    def _fit_ended(self, error: BaseException | None) -> None:
        """End the run of a `fit` that did not return."""
        if self._attached:
            self._attached.fail(error)
            self._detach()

    def _detach(self) -> None:
        self._attached = None
        self._context.close()
