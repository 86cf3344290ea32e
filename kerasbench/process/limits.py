"""How long the driver waits for a worker."""

from dataclasses import dataclass

from kerasbench.worker import protocol

# Default limits without an event: imports and first kernels take seconds, an epoch of a large model may take hours.
_FIRST_SECONDS, _OTHER_SECONDS = 900.0, 6 * 3600.0
_FIRST = (protocol.READY, protocol.KERNELS)
_DOES = {
    protocol.READY: "while it imported Keras",
    protocol.KERNELS: "while it computed its first kernels",
    protocol.BUILT: "while it loaded the data and built the model",
    protocol.PROBED: "while it evaluated the initial weights",
    protocol.EPOCH: "while it trained",
    protocol.FINISHED: "after its last epoch",
}


@dataclass(frozen=True)
class Limits:
    """The limits of one worker.

    Attributes:
        stall_seconds: the longest time without an event; None: a generous limit for each phase.
        timeout_seconds: the longest time for the whole run; None: no limit.
    """

    stall_seconds: float | None = None
    timeout_seconds: float | None = None

    def deadline(self, expected: str, asked: float, started: float) -> tuple[float, str]:
        """Return the deadline for an event, and the failure's reason if it passes.

        Args:
            expected: the kind of the event.
            asked: when the wait began.
            started: when the worker was started; all times are of the clock `protocol.now`.
        """
        stall = self.stall_seconds or (_FIRST_SECONDS if expected in _FIRST else _OTHER_SECONDS)
        stalled = asked + stall
        if self.timeout_seconds is not None and started + self.timeout_seconds < stalled:
            why = f"the run took longer than trainer.timeout_seconds={self.timeout_seconds:g}"
            return started + self.timeout_seconds, why
        doing = _DOES.get(expected, "while it worked")
        return stalled, f"the worker sent nothing for {stall:g} s {doing}; trainer.stall_seconds= sets another limit"
