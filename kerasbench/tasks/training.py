"""The task `train`: logs the events of a training worker as metrics of its run."""

import math
from collections import defaultdict
from typing import Any

from kerasbench import stats
from kerasbench.machine.telemetry import Telemetry
from kerasbench.tasks.metrics import of_epoch
from kerasbench.tasks.session import Session
from kerasbench.terminal.errors import RunFailed
from kerasbench.vocabulary import Metric, Tag
from kerasbench.worker import protocol

_BUILD_METRICS = (Metric.LOAD_SECONDS, Metric.BUILD_SECONDS, "parameters")
_PROBE_METRICS = (Metric.PARITY_PROBE_LOSS, "probe_seconds")
_AT_THE_END = (Metric.PEAK_RSS_MIB, "idle_seconds", "parameters")
_RESULTS = (Metric.VAL_ACCURACY, Metric.VAL_LOSS, Metric.ACCURACY, Metric.LOSS)  # the most telling first
# The metric of an epoch that may grow, the metric of the run that says so, what it is in words, and from how many MiB
# an epoch on it counts. Bytes of arrays are exact; a process grows by one to three MiB an epoch for ten epochs, while
# its allocator and its caches fill up, as TensorFlow's does.
_GROWING = (
    (Metric.EPOCH_END_RSS_MIB, Metric.RSS_GROWTH_MIB, "the worker's memory", 4.0),
    (Metric.EPOCH_END_DEVICE_MIB, Metric.DEVICE_GROWTH_MIB, "the GPU memory of its arrays", 1.0),
)


def train(session: Session, telemetry: Telemetry) -> None:
    """Start the training, and log each epoch while the next one runs.

    Raises:
        RunFailed: the worker did not finish, or the loss is no number and `trainer.fail_on_nan` is set.
    """
    worker, tracked = session.worker, session.tracked
    epochs = session.config.trainer.epochs
    worker.send(protocol.GO)
    session.await_ready()

    built = worker.expect(protocol.BUILT)
    tracked.metrics({name: built[name] for name in _BUILD_METRICS})
    probed = worker.expect(protocol.PROBED)
    tracked.metrics({name: probed[name] for name in _PROBE_METRICS})
    session.in_force(probed["in_force"])
    session.announce(f"epoch 1/{epochs} (includes one-time compilation)", (0, epochs))
    follow(session, telemetry, {"examples": built["examples"], "epochs": epochs})


def follow(session: Session, telemetry: Telemetry, known: dict[str, Any]) -> None:
    """Log each epoch as it ends, and the whole run when the worker has finished.

    Args:
        session: the run.
        telemetry: samples the worker.
        known: what holds for every epoch whose event does not say: `examples`, their number in an epoch, and `epochs`,
            the number planned so far.

    Raises:
        RunFailed: the worker did not finish, or the loss is no number and `trainer.fail_on_nan` is set.
    """
    worker, tracked, outcome = session.worker, session.tracked, session.outcome
    elapsed: list[float] = []
    memory: dict[str, list[float]] = defaultdict(list)
    planned, told_of_validation = 0, False
    while (event := worker.expect(protocol.EPOCH, protocol.FINISHED))["kind"] == protocol.EPOCH:
        epoch = known | event
        elapsed.append(epoch["ended_at"] - worker.started_at)
        metrics = of_epoch(epoch) | {Metric.ELAPSED_SECONDS: elapsed[-1]}
        metrics |= telemetry.between(epoch["started_at"], epoch["ended_at"])
        tracked.metrics(metrics, step=epoch["epoch"])
        for name, mib in epoch["memory"].items():
            memory[name].append(mib)
        if epoch["includes_validation"] and not told_of_validation:
            _tell_of_validation(session)
            told_of_validation = True
        _number_first_fit(session, epoch)
        _check_loss(session, epoch)
        outcome.epoch_seconds.append(metrics[Metric.EPOCH_SECONDS])
        outcome.metrics = metrics
        planned = epoch["epochs"]
        logs = sorted(epoch["logs"].items(), key=lambda entry: entry[0].startswith("val_"))  # Keras 2 puts these first
        results = "  ".join(f"{name} {value:.4g}" for name, value in logs)
        session.announce(
            f"epoch {epoch['epoch']}/{planned}  {epoch['epoch_seconds']:.2f} s  {results}", (epoch["epoch"], planned)
        )

    if not elapsed:
        raise RunFailed("the worker finished without an epoch")
    of_run = {name: event[name] for name in _AT_THE_END if event.get(name) is not None}
    of_run |= stats.epoch_summary(outcome.epoch_seconds) | _of_memory(session, memory)
    of_run[Metric.TIME_TO_FIRST_EPOCH_SECONDS] = elapsed[0]
    of_run[Metric.TOTAL_SECONDS] = event["ended_at"] - worker.started_at
    tracked.metrics(of_run)
    outcome.metrics |= of_run
    if len(elapsed) < planned:
        session.announce(f"stopped after {len(elapsed)} of {planned} epochs")
    session.announce.done(_summary(outcome.epoch_seconds, outcome.metrics))


def _of_memory(session: Session, by_epoch: dict[str, list[float]]) -> dict[str, float]:
    """Return the run's metrics of memory, and warn of one that grows from epoch to epoch."""
    found: dict[str, float] = {}
    if peaks := by_epoch.get(Metric.EPOCH_PEAK_DEVICE_MIB):
        found[Metric.PEAK_DEVICE_MIB] = max(peaks)
    for each, of_run, what, least in _GROWING:
        grows = stats.growth(by_epoch.get(each, [])[1:])  # the first epoch fills caches
        if grows is not None and grows >= least:
            found[of_run] = grows
            session.announce.warn(f"{what} grows by {grows:.1f} MiB an epoch: something keeps what each epoch makes")
    return found


def _tell_of_validation(session: Session) -> None:
    """Say that the times of epochs include their validation."""
    session.tracked.tags({Tag.VALIDATION: f"in {Metric.EPOCH_SECONDS}"})
    session.announce.warn(
        "this Keras does not say when validation begins: epoch_seconds includes it, and does not compare with others"
    )


def _number_first_fit(session: Session, epoch: dict[str, Any]) -> None:
    """Log that the epochs so far were of the first call of `fit`, when the second begins."""
    if epoch.get(Metric.FIT) and Metric.FIT not in session.outcome.metrics:  # the second call begins
        for earlier in range(1, epoch["epoch"]):
            session.tracked.metrics({Metric.FIT: 0.0}, step=earlier)


def _check_loss(session: Session, epoch: dict[str, Any]) -> None:
    """Warn of the first loss that is no number.

    Raises:
        RunFailed: there is one, and `trainer.fail_on_nan` is set.
    """
    loss, before = epoch["logs"].get(Metric.LOSS, 0.0), session.outcome.metrics.get(Metric.LOSS, 0.0)
    if math.isfinite(loss) or not math.isfinite(before):
        return
    if session.config.trainer.fail_on_nan:
        raise RunFailed(f"the loss is {loss} in epoch {epoch['epoch']} (trainer.fail_on_nan=true)")
    session.announce.warn(f"the loss is {loss} from epoch {epoch['epoch']} on: the model learns nothing")


def _summary(epoch_seconds: list[float], metrics: dict[str, float]) -> str:
    typical = stats.steady_seconds(epoch_seconds) or epoch_seconds[0]
    result = next((f", {name} {metrics[name]:.4f}" for name in _RESULTS if name in metrics), "")
    return f"{len(epoch_seconds)} epochs of {typical:.2f} s{result}"
