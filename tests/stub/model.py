"""A small perceptron that fails during training in the way that `+model.build.fault=KIND` names."""

import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import keras
from keras.layers import Dense, Flatten, Input, Layer
from keras.models import Model

from kerasbench.worker.protocol import Channel


def build(
    input_shapes: list[tuple[int, ...]],
    classes: int,
    units: int,
    dropout: float,
    fault: str = "none",
    after: int = 0,
    on: str = "",
) -> Any:
    """Return the model.

    Args:
        input_shapes, classes, units, dropout: as for every MNIST model; there is no dropout.
        fault: a key of `FAULTS`.
        after: number of training batches before the fault.
        on: the only backend with the fault; by default, all backends.
    """
    kind = fault if on in ("", keras.backend.backend()) else "none"
    image = Input(shape=input_shapes[0], name="image")
    x = Dense(units, activation="relu", name="hidden")(Flatten(name="flatten")(image))
    x = Fault(kind, after, name="fault")(x)
    return Model(inputs=image, outputs=Dense(classes, activation="softmax", name="probabilities")(x))


class Fault(Layer):
    """Returns its inputs, changed by the fault: in training, and in the outputs that parity compares."""

    def __init__(self, kind: str, after: int, name: str) -> None:
        super().__init__(name)
        self._kind, self._left = kind, after

    def forward(self, x: Any, training: bool) -> Any:
        if self._left <= 0 and (training or self._kind == "deviate"):
            return FAULTS[self._kind](x)
        self._left -= training
        return x

    def backward(self, gradient: Any) -> Any:
        return gradient * 1.5 if self._kind == "gradient" else gradient


def _none(x: Any) -> Any:
    return x


def _raise(x: Any) -> Any:
    raise RuntimeError("it was asked to fail\nin two lines")


def _exit(x: Any) -> Any:
    os._exit(0)


def _kill(x: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def _stop(x: Any) -> Any:
    os.kill(os.getpid(), signal.SIGSTOP)
    return x


def _sleep(x: Any) -> Any:
    time.sleep(60)


def _print(x: Any) -> Any:
    print("printed " * 100_000)
    print('{"kind": "epoch"}', file=sys.stderr, flush=True)
    return x


def _garbage(x: Any) -> Any:
    """Write to the event pipe, which only the worker's channel knows."""
    (channel,) = (found for found in gc.get_objects() if isinstance(found, Channel))
    channel._stream.write(b"no event\n")
    channel._stream.flush()
    return x


def _event(x: Any) -> Any:
    """Send an event that training never sends."""
    (channel,) = (found for found in gc.get_objects() if isinstance(found, Channel))
    channel.send("losses", losses=[])
    return x


def _no_number(x: Any) -> Any:
    return x * float("nan")


def _deviate(x: Any) -> Any:
    return x * 1.5


def _interrupt(x: Any) -> Any:
    """Send the driver a Ctrl-C and continue, ignoring SIGTERM; the log names the process."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(os.getpid(), flush=True)
    os.kill(os.getppid(), signal.SIGINT)
    return _sleep(x)


FAULTS: dict[str, Callable[[Any], Any]] = {
    "none": _none, "raise": _raise, "exit": _exit, "kill": _kill, "stop": _stop, "sleep": _sleep, "print": _print,
    "garbage": _garbage, "event": _event, "no_number": _no_number, "interrupt": _interrupt,
    "deviate": _deviate, "gradient": _none,
}  # fmt: skip
