"""The task of a user's own training script: logs the epochs of every `fit` in it."""

from kerasbench.machine.telemetry import Telemetry
from kerasbench.tasks.session import Session
from kerasbench.tasks.training import follow
from kerasbench.vocabulary import Metric
from kerasbench.worker import protocol


def run(session: Session, telemetry: Telemetry) -> None:
    """Run the script, and log each epoch while the next one runs.

    Raises:
        RunFailed: the script did not train to its end, or the loss is no number and `trainer.fail_on_nan` is set.
    """
    session.worker.send(protocol.GO)
    session.await_ready()
    begun = session.worker.expect(protocol.BUILT)
    session.tracked.metrics({Metric.BEFORE_FIT_SECONDS: begun[Metric.BEFORE_FIT_SECONDS]})
    session.in_force(begun["in_force"])
    session.announce(f"epoch 1/{begun['epochs']} (includes one-time compilation)", (0, begun["epochs"]))
    follow(session, telemetry, {})
