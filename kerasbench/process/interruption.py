"""Ctrl-C, SIGTERM and a closed terminal: all raise KeyboardInterrupt, but never in the middle of a write to the store.

An interrupted SQLite transaction leaves the database locked against its own process, which could then not even mark
the run as KILLED.
"""

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from kerasbench.terminal.errors import reporting

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_depth = 0  # of nested `uninterrupted` blocks
_pending = False
_received = False


def install() -> None:
    """Make these signals raise KeyboardInterrupt in the main thread: at once, or after an `uninterrupted` block."""
    global _received
    _received = False
    for number in _SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # under nohup it is ignored
            signal.signal(number, _on_signal)


def _on_signal(number: int, frame: FrameType | None) -> None:
    global _pending, _received
    _received = True
    if _depth and not _pending:
        _pending = True
        return
    raise KeyboardInterrupt  # a second signal does not wait for a store that hangs


@contextlib.contextmanager
def prevailing() -> Iterator[None]:
    """After a signal, raise KeyboardInterrupt for any error of the block.

    Where a signal interrupts a library, the library's clean-up may fail, and its error replaces KeyboardInterrupt:
    OmegaConf's does, with an AttributeError of None.
    """
    try:
        yield
    except Exception as error:
        if _received:
            raise KeyboardInterrupt from error
        raise


@contextlib.contextmanager
def _restored() -> Iterator[None]:
    """Give the signals their present handlers again after the block."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def of_a_job() -> Iterator[None]:
    """In a launcher's other process: SIGTERM, by which launchers and Slurm end a job, raises KeyboardInterrupt, once.

    Ctrl-C and a closed terminal reach every process, and the command alone reacts: it ends its jobs by SIGTERM.
    """

    def only_once(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)  # what it interrupts must be recorded; SIGKILL ends it in any case
        _on_signal(number, frame)

    with _restored():
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, only_once)
        yield


@contextlib.contextmanager
def after(end: Callable[[], None]) -> Iterator[None]:
    """Have an interruption of the block call a function first, which ends what the block has started."""

    def ending(number: int, frame: FrameType | None) -> None:
        signal.signal(number, _on_signal)  # a second signal does not wait
        end()
        _on_signal(number, frame)

    with _restored():
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, ending)
        yield


@contextlib.contextmanager
def interruptible(told: str = "interrupted") -> Iterator[None]:
    """On these signals, end the command with one line and exit status 130; on an error, as `reporting` does."""
    install()
    try:
        with reporting(), prevailing():
            yield
    except KeyboardInterrupt:
        for number in _SIGNALS:  # nothing is left to interrupt: another signal would only spoil the exit status
            signal.signal(number, signal.SIG_IGN)
        print(told, file=sys.stderr)
        raise SystemExit(130) from None


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Defer an interruption to the end of the block; also a decorator. Other threads are never interrupted."""
    global _depth, _pending
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if _pending and not _depth:
            _pending = False
            raise KeyboardInterrupt
