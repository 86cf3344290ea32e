import os
import signal
from collections.abc import Iterator

import pytest

from kerasbench.process import interruption


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored, and stays so
    interruption.install()
    yield
    interruption.install()  # nothing has been received
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_interrupts(number: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), number)


def test_a_signal_in_a_write_interrupts_after_the_outermost_one() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), interruption.uninterrupted():
        with interruption.uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            done.append("inner")
        done.append("outer")
    assert done == ["inner", "outer"]
    with interruption.uninterrupted():
        pass  # nothing is left pending


def test_a_second_signal_does_not_wait() -> None:
    with pytest.raises(KeyboardInterrupt), interruption.uninterrupted():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_an_error_of_a_librarys_clean_up_does_not_replace_an_interruption() -> None:
    def interrupted(number: int | None) -> None:
        with interruption.prevailing():
            try:
                if number:
                    os.kill(os.getpid(), number)
            finally:
                raise AttributeError("'NoneType' object has no attribute '_invalidate_flags_cache'")

    with pytest.raises(AttributeError):
        interrupted(None)
    with pytest.raises(KeyboardInterrupt):
        interrupted(signal.SIGINT)
    interruption.install()  # the next command
    with pytest.raises(AttributeError):
        interrupted(None)
