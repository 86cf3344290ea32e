"""The messages between driver and worker: JSON objects, one per line, each with the protocol's version.

The driver writes one request to the worker's standard input; its kind is the task. For training, the worker loads the
data, builds the model, and begins when the driver, after its own preparations, sends GO. The worker writes events to a
separate pipe, whose descriptor it receives, so that a framework's output cannot be mistaken for an event.

Every time in a message comes from `now`.
"""

import json
import threading
import time
from typing import Any, BinaryIO, Dict

VERSION = 6

TRAIN = "train"  # request: train for all epochs
PARITY = "parity"  # request: the losses of a few steps of plain SGD without dropout
WEIGHTS = "weights"  # request: the weights that Keras draws for a model; event: they are in the requested file
GO = "go"  # after the request to train: begin
OUTPUTS = "outputs"  # request: every layer's output for the first batch; event: they are in the requested file
# request: a matrix product, a convolution, an LSTM's steps; event: carries deviations (from NumPy's, relative to the
# largest value), device, seconds
KERNELS = "kernels"

READY = "ready"  # Keras and its backend are imported; carries what `description` in command.py returns
# the model is compiled; carries load_ and build_seconds, parameters, examples (of an epoch); of a script, its first
# `fit` is called: carries before_fit_seconds, in_force (texts), epochs (planned)
BUILT = "built"
PROBED = "probed"  # carries parity_probe_loss (initial weights, first examples), probe_seconds, and in_force (texts)
# an epoch and its validation are over; carries `logs` (of Keras), `memory` (by the metrics' names) and what else
# callbacks.py measures
EPOCH = "epoch"
LOSSES = "losses"  # the answer to PARITY; carries losses, one per step
# no epochs follow; carries ended_at, peak_rss_mib, idle_seconds (waiting for the driver), and, of a script, parameters
FINISHED = "finished"
FAILED = "failed"  # the worker gives up; carries reason, one line


def now() -> float:
    """Return a time in seconds whose zero is arbitrary: use only differences.

    This clock cannot be set, and it is the same for the driver and its workers: `time.monotonic` is "always available
    and always system-wide" since 3.5 (Python's documentation).
    """
    return time.monotonic()


def encode(kind: str, **fields: Any) -> bytes:
    """Return one message as a line of bytes."""
    return (json.dumps(dict(fields, version=VERSION, kind=kind)) + "\n").encode("utf-8")


def decode(line: bytes) -> Dict[str, Any]:
    """Return the message that a line holds.

    Raises:
        ValueError: the line is no message, or has another protocol version.
    """
    message = json.loads(line.decode("utf-8"))
    if not isinstance(message, dict):
        raise ValueError("a message is an object, not {}".format(message))
    if message.get("version") != VERSION:
        raise ValueError("protocol version {} where {} was expected".format(message.get("version"), VERSION))
    if "kind" not in message:
        raise ValueError("the message has no kind")
    return message


class Channel(object):
    """The worker's end of the event pipe, and the driver's signal to begin.

    Attributes:
        go: set when the driver has sent GO.
        idle_seconds: how long the worker has waited for the driver so far.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.go = threading.Event()
        self.idle_seconds = 0.0

    def send(self, kind: str, **fields: Any) -> None:
        """Write one event and flush it."""
        self._stream.write(encode(kind, **fields))
        self._stream.flush()

    def await_go(self) -> None:
        """Wait until the driver sends GO."""
        asked = now()
        self.go.wait()
        self.idle_seconds += now() - asked
