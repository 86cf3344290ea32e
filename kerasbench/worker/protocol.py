"""What the driver and the worker say to each other: JSON objects, one a line, each with the protocol's version.

The driver writes one request to the worker's standard input; its kind is the task. A worker that is to train loads and
builds, and begins when the driver says GO, which has preparations of its own. The worker writes events to a pipe of its
own, whose descriptor it is given, so that nothing that a framework prints can be taken for an event.

Every time in a message is one of `now`.
"""

import json
import threading
import time
from typing import Any, BinaryIO, Dict

VERSION = 4

TRAIN = "train"  # request: train for all epochs
PARITY = "parity"  # request: a few steps of plain SGD without dropout, for their losses
GO = "go"  # after the request to train: begin
OUTPUTS = "outputs"  # request: every layer's output for the first batch; event: they are in the file it named

READY = "ready"  # Keras and its backend are imported; carries what `description` in __main__.py returns
BUILT = "built"  # the model is compiled; carries load_ and build_seconds, parameters, examples (of an epoch)
PROBED = "probed"  # carries parity_probe_loss (initial weights, first examples), probe_seconds, and in_force (texts)
EPOCH = "epoch"  # an epoch and its validation are over; carries what callbacks.py measures
LOSSES = "losses"  # the answer to PARITY; carries losses, one for each step
FINISHED = "finished"  # all epochs are over; carries ended_at, peak_rss_mib, idle_seconds (of waiting for the driver)
FAILED = "failed"  # the worker gives up; carries reason, one line


def now() -> float:
    """Return the time in seconds, from a start that means nothing: for differences only.

    Nobody can set this clock, and it is the same in all processes of a machine (Python's documentation of
    `time.monotonic`: "always available and always system-wide", since 3.5), the driver and its workers among them.
    """
    return time.monotonic()


def encode(kind: str, **fields: Any) -> bytes:
    """Return one message as a line of bytes."""
    return (json.dumps(dict(fields, version=VERSION, kind=kind)) + "\n").encode("utf-8")


def decode(line: bytes) -> Dict[str, Any]:
    """Return the message that a line holds.

    Raises:
        ValueError: the line is no message, or one of another version.
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
    """The worker's end of the pipe that carries its events, and the driver's leave to begin.

    Attributes:
        go: set when the driver has said GO.
        idle_seconds: how long the worker has waited for the driver so far.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.go = threading.Event()
        self.idle_seconds = 0.0

    def send(self, kind: str, **fields: Any) -> None:
        """Write one event; it is on its way when this returns."""
        self._stream.write(encode(kind, **fields))
        self._stream.flush()

    def await_go(self) -> None:
        """Wait until the driver says GO."""
        asked = now()
        self.go.wait()
        self.idle_seconds += now() - asked
