"""Standard output and error survive the end of their reader."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kerasbench.terminal import progress, streams


def _stream(descriptor: int, encoding: str = "utf-8", write_through: bool = False) -> io.TextIOWrapper:
    raw = open(descriptor, "wb", buffering=0, closefd=False)
    return io.TextIOWrapper(raw, encoding=encoding, write_through=write_through)


def test_what_is_printed_arrives_and_what_the_encoding_lacks_as_an_escape(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        lasting = streams._lasting(_stream(file.fileno(), "latin-1"), file.fileno())
        print("ü ≤ \udcff", file=lasting, flush=True)
    assert (tmp_path / "out").read_bytes() == b"\xfc \\u2264 \\udcff\n"


def test_an_unbuffered_stream_stays_unbuffered() -> None:
    reading, writing = os.pipe()
    lasting = streams._lasting(_stream(writing, write_through=True), writing)
    lasting.write("now")
    assert os.read(reading, 10) == b"now"
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("write_through", [False, True])
def test_what_is_printed_after_the_reader_has_ended_is_dropped(write_through: bool) -> None:
    reading, writing = os.pipe()
    lasting = streams._lasting(_stream(writing, write_through=write_through), writing)
    os.close(reading)
    for _ in range(3):
        print("x" * 100_000, file=lasting, flush=True)
    assert os.fstat(writing).st_rdev == os.stat(os.devnull).st_rdev
    os.close(writing)


def test_a_full_disk_is_an_error() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    lasting = streams._lasting(_stream(full), full)
    with pytest.raises(OSError, match="No space"):
        print("x", file=lasting, flush=True)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, full)  # where the stream can leave the rest
    lasting.close()
    os.close(nowhere)
    os.close(full)


def test_a_stream_that_a_caller_has_replaced_stays(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout
    streams.prepare()
    assert sys.stdout is before


def test_a_command_that_shows_jobs_tells_once_that_nobody_reads(tmp_path: Path) -> None:
    code = (
        "from kerasbench.terminal import progress, streams; streams.prepare(); progress.begin(1, False);\n"
        "for _ in range(3): progress.current().lasting('a line'); import sys; sys.stdout.flush()\n"
    )
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert done.returncode == 0, done.stderr.decode()
    assert len(done.stderr.splitlines()) == 1


def test_jobs_are_shown_from_their_beginning_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_current", None)
    assert not progress.has_begun()
    progress.begin(1, quiet=True)
    assert progress.has_begun()
