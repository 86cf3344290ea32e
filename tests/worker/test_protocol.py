import io
import time

import pytest

from kerasbench.worker import protocol


def test_a_message_survives_the_channel() -> None:
    stream = io.BytesIO()
    protocol.Channel(stream).send(protocol.EPOCH, epoch=1, loss=0.5)
    assert protocol.decode(stream.getvalue()) == {"version": protocol.VERSION, "kind": "epoch", "epoch": 1, "loss": 0.5}


@pytest.mark.parametrize("line", [b"no json\n", b'{"version": 99, "kind": "epoch"}\n'])
def test_what_is_no_message_of_this_version_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"version|Expecting"):
        protocol.decode(line)


@pytest.mark.parametrize("line", [b"[1]\n", b"null\n", b"\xff\n", b'{"version": %d}\n' % protocol.VERSION])
def test_what_has_no_kind_is_no_message(line: bytes) -> None:
    with pytest.raises(ValueError):
        protocol.decode(line)


def test_no_time_of_the_systems_clock_enters_a_message() -> None:
    before = time.monotonic()
    assert before <= protocol.now() <= time.monotonic()
