"""A small perceptron that fails during training in the way that `+model.build.fault=KIND` names."""

import gc
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras.layers import Dense, Flatten, Input, Layer
from keras.models import Model

from kerasbench.worker.protocol import VERSION, Channel, encode


def build(
    input_shapes: list[tuple[int, ...]],
    classes: int,
    units: int,
    dropout: float,
    fault: str = "none",
    after: int = 0,
    on: str = "",
    gate: str = "",
) -> Any:
    """Return the model.

    Args:
        input_shapes, classes, units, dropout: as for every MNIST model; there is no dropout.
        fault: a key of `FAULTS`, or `wait`.
        after: number of training batches before the fault.
        on: the only backend with the fault; by default, all backends.
        gate: the file that the fault `wait` waits for.
    """
    kind = fault if on in ("", keras.backend.backend()) else "none"
    image = Input(shape=input_shapes[0], name="image")
    x = Dense(units, activation="relu", name="hidden")(Flatten(name="flatten")(image))
    x = Fault(kind, after, Path(gate), name="fault")(x)
    return Model(inputs=image, outputs=Dense(classes, activation="softmax", name="probabilities")(x))


_kept: list[bytearray] = []  # what the fault "leak" leaves


class Fault(Layer):
    """Returns its inputs, changed by the fault: in training, and in the outputs that parity compares."""

    def __init__(self, kind: str, after: int, gate: Path, name: str) -> None:
        super().__init__(name)
        self._kind, self._left, self._gate = kind, after, gate

    def forward(self, x: Any, training: bool) -> Any:
        if self._kind == "wait":
            while training and not self._gate.exists():
                time.sleep(0.02)
            return x
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


def _slow(x: Any) -> Any:
    time.sleep(0.01)
    return x


def _print(x: Any) -> Any:
    print("printed " * 100_000)
    print('{"kind": "epoch"}', file=sys.stderr, flush=True)
    return x


def _device(x: Any) -> Any:
    print("sees", os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
    return _slow(x)


def _flood(x: Any) -> Any:
    """Print 200 MB, and a last line."""
    for _ in range(200):
        sys.stdout.write("x" * 999_999 + "\n")
    print("the last line", flush=True)
    return x


def _send(line: bytes) -> None:
    """Write to the event pipe, which only the worker's channel knows."""
    (channel,) = (found for found in gc.get_objects() if isinstance(found, Channel))
    channel._stream.write(line)
    channel._stream.flush()


def _sending(line: bytes) -> Callable[[Any], Any]:
    """Return a fault that writes to the event pipe and trains no further: the driver is to end the worker there."""

    def send(x: Any) -> Any:
        _send(line)
        return _sleep(x)

    return send


def _truncated(x: Any) -> Any:
    """Die in the middle of an event."""
    _send(encode("epoch", epoch=2)[:20])
    os._exit(0)


def _no_number(x: Any) -> Any:
    return x * float("nan")


def _infinity(x: Any) -> Any:
    return x * float("inf")


def _deviate(x: Any) -> Any:
    return x * 1.5


def _signal(number: int) -> Callable[[Any], Any]:
    return lambda x: os.kill(os.getpid(), number)


def _memory(x: Any) -> Any:
    """Ask for more memory than this process may have."""
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, resource.RLIM_INFINITY))
    return [np.ones(1 << 24) for _ in range(64)]


def _leak(x: Any) -> Any:
    """Keep two MiB for ever, all of them used; four batches are an epoch of the stub's data."""
    _kept.append(bytearray(b"x") * (2 << 20))
    return x


def _all_memory(x: Any) -> Any:
    """Use all memory of a control group of one's own, so that the kernel kills this process."""
    group = Path("/sys/fs/cgroup/memory/kerasbench-test")
    group.mkdir(exist_ok=True)
    (group / "memory.limit_in_bytes").write_text(str(200 << 20))
    (group / "cgroup.procs").write_text(str(os.getpid()))
    return [np.ones(1 << 20) for _ in range(64)]


def _interrupt(x: Any) -> Any:
    """Send the driver a Ctrl-C and continue, ignoring SIGTERM; the log names the process."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(os.getpid(), flush=True)
    os.kill(os.getppid(), signal.SIGINT)
    return _sleep(x)


FAULTS: dict[str, Callable[[Any], Any]] = {
    "none": _none, "raise": _raise, "exit": _exit, "stop": _stop, "sleep": _sleep, "slow": _slow,
    "print": _print, "flood": _flood, "device": _device,
    "kill": _kill, "segv": _signal(signal.SIGSEGV), "term": _signal(signal.SIGTERM),
    "memory": _memory, "leak": _leak, "all_memory": _all_memory,
    "garbage": _sending(b"no event\n"),
    "binary": _sending(bytes(range(256)) * 1000),
    "nested": _sending(b"[" * 100_000 + b"\n"),
    "event": _sending(encode("losses", losses=[])),  # training never sends it
    "unknown": _sending(encode("nosuch")),
    "newer": _sending(encode("epoch").replace(b'"version": %d' % VERSION, b'"version": 99')),
    "lacking": _sending(encode("epoch", epoch=2)),
    "text": _sending(encode("epoch", epoch="two", loss="low")),
    "truncated": _truncated,
    "no_number": _no_number, "infinity": _infinity, "interrupt": _interrupt,
    "deviate": _deviate, "gradient": _none,
}  # fmt: skip
