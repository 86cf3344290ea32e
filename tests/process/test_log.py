"""A worker's log: all of it, or its beginning and its end."""

import os
from pathlib import Path

import pytest

from kerasbench.process import log
from kerasbench.process.log import Log


@pytest.mark.parametrize("size", [0, 10, 2 * log.SHARE, 3 * log.SHARE, 4 * log.SHARE + 1, 20 * log.SHARE])
def test_a_log_is_whole_or_holds_its_beginning_its_end_and_how_much_is_left_out(tmp_path: Path, size: int) -> None:
    printed = os.urandom(size)
    own = Log(tmp_path / "log")
    with os.fdopen(own.descriptor, "wb") as writing:
        writing.write(printed)
    own.wait(10)
    kept = (tmp_path / "log").read_bytes()
    if size <= 2 * log.SHARE:
        assert kept == printed
        return
    left_out = size - 2 * log.SHARE
    assert kept[: log.SHARE] == printed[: log.SHARE]
    assert kept[-log.SHARE :] == printed[-log.SHARE :]
    assert kept[log.SHARE : -log.SHARE].strip() == b"[kerasbench: %d bytes are left out here]" % left_out


def test_a_disk_that_is_full_stops_no_worker() -> None:
    own = Log(Path("/dev/full"))
    with os.fdopen(own.descriptor, "wb") as writing:
        writing.write(bytes(1 << 20))
    own.wait(10)
    assert not own._thread.is_alive()
