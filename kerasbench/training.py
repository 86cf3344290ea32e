"""The task `train`: what a worker reports while it trains, kept as it comes."""

from kerasbench import request, stats
from kerasbench.session import Session
from kerasbench.worker import protocol

_EPOCH_METRICS = ("epoch_seconds", "validation_seconds", "loss", "accuracy", "val_loss", "val_accuracy")


def train(session: Session) -> None:
    """Have the worker train, and log every epoch while the next goes on.

    Raises:
        RunFailed: it did not finish.
    """
    worker, tracked, outcome = session.worker, session.tracked, session.outcome
    epochs = session.config.trainer.epochs
    worker.send(protocol.TRAIN, **request.to_train(session.config, session.data))
    session.await_ready()

    built = worker.expect(protocol.BUILT)
    tracked.metrics({"build_seconds": built["build_seconds"], "parameters": built["parameters"]})
    probed = worker.expect(protocol.PROBED)
    tracked.metrics({"parity_probe_loss": probed["parity_probe_loss"]})

    for _ in range(epochs):
        epoch = worker.expect(protocol.EPOCH)
        metrics = {name: epoch[name] for name in _EPOCH_METRICS}
        if session.config.trainer.augment:
            metrics["augmentation_seconds"] = epoch["augmentation_seconds"]
        metrics["examples_per_second"] = built["examples"] / epoch["epoch_seconds"]
        metrics |= session.telemetry.between(epoch["started_at"], epoch["ended_at"])
        tracked.metrics(metrics, step=epoch["epoch"])
        outcome.epoch_seconds.append(epoch["epoch_seconds"])
        outcome.last_epoch = metrics
        session.announce(
            f"epoch {epoch['epoch']}/{epochs}  {epoch['epoch_seconds']:.2f} s  "
            f"loss {epoch['loss']:.4f}  accuracy {epoch['accuracy']:.4f}  "
            f"val_loss {epoch['val_loss']:.4f}  val_accuracy {epoch['val_accuracy']:.4f}"
        )

    finished = worker.expect(protocol.FINISHED)
    tracked.metrics({"peak_rss_mib": finished["peak_rss_mib"], **stats.epoch_summary(outcome.epoch_seconds)})
