"""The task `train`: logs the events of a training worker as metrics of its run."""

import math

from kerasbench import stats
from kerasbench.machine.telemetry import Telemetry
from kerasbench.tasks.session import Session
from kerasbench.vocabulary import Metric, Tag
from kerasbench.worker import protocol

_BUILD_METRICS = (Metric.LOAD_SECONDS, Metric.BUILD_SECONDS, "parameters")
_PROBE_METRICS = (Metric.PARITY_PROBE_LOSS, "probe_seconds")
_AT_THE_END = (Metric.PEAK_RSS_MIB, "idle_seconds")
_BETWEEN_EPOCHS = ("augmentation_seconds",)


def train(session: Session, telemetry: Telemetry) -> None:
    """Start the training, and log each epoch while the next one runs.

    Raises:
        RunFailed: the worker did not finish.
    """
    worker, tracked, outcome = session.worker, session.tracked, session.outcome
    epochs = session.config.trainer.epochs
    worker.send(protocol.GO)
    session.await_ready()

    built = worker.expect(protocol.BUILT)
    tracked.metrics({name: built[name] for name in _BUILD_METRICS})
    probed = worker.expect(protocol.PROBED)
    tracked.metrics({name: probed[name] for name in _PROBE_METRICS})
    tracked.tags({f"{Tag.IN_FORCE}{name}": value for name, value in probed["in_force"].items()})
    session.announce(f"epoch 1/{epochs} (includes one-time compilation)", (0, epochs))

    elapsed = []
    for _ in range(epochs):
        epoch = worker.expect(protocol.EPOCH)
        metrics = {name: epoch[name] for name in (*Metric.OF_EPOCH, *_BETWEEN_EPOCHS) if name in epoch}
        elapsed.append(epoch["ended_at"] - worker.started_at)
        metrics[Metric.ELAPSED_SECONDS] = elapsed[-1]
        metrics[Metric.EXAMPLES_PER_SECOND] = built["examples"] / metrics[Metric.EPOCH_SECONDS]
        metrics |= telemetry.between(epoch["started_at"], epoch["ended_at"])
        tracked.metrics(metrics, step=epoch["epoch"])
        if not math.isfinite(epoch["loss"]) and math.isfinite(outcome.metrics.get(Metric.LOSS, 0.0)):
            session.announce.warn(
                f"the loss is {epoch['loss']} from epoch {epoch['epoch']} on: the model learns nothing"
            )
        outcome.epoch_seconds.append(metrics[Metric.EPOCH_SECONDS])
        outcome.metrics = metrics
        session.announce(
            f"epoch {epoch['epoch']}/{epochs}  {epoch['epoch_seconds']:.2f} s  "
            f"loss {epoch['loss']:.4f}  accuracy {epoch['accuracy']:.4f}  "
            f"val_loss {epoch['val_loss']:.4f}  val_accuracy {epoch['val_accuracy']:.4f}",
            (epoch["epoch"], epochs),
        )

    finished = worker.expect(protocol.FINISHED)
    of_run = {name: finished[name] for name in _AT_THE_END} | stats.epoch_summary(outcome.epoch_seconds)
    of_run[Metric.TIME_TO_FIRST_EPOCH_SECONDS] = elapsed[0]
    of_run[Metric.TOTAL_SECONDS] = finished["ended_at"] - worker.started_at
    tracked.metrics(of_run)
    outcome.metrics |= of_run
    typical = stats.steady_seconds(outcome.epoch_seconds) or outcome.epoch_seconds[0]
    accuracy = outcome.metrics[Metric.VAL_ACCURACY]
    session.announce.done(f"{epochs} epochs of {typical:.2f} s, val_accuracy {accuracy:.4f}")
