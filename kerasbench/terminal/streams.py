"""Keeps standard output and error working with any encoding, and after their reader has gone."""

import errno
import io
import os
import sys
from typing import Any

_NOBODY_READS = (errno.EPIPE, errno.EIO)  # the reader has exited (`| head -4`), or the terminal is closed


def prepare() -> None:
    """Make printing safe, once, at the start of a command.

    A character that the terminal's encoding lacks is printed as an escape. Output without a reader is dropped, so that
    training continues. If the locale's encoding is not UTF-8, the command restarts in Python's UTF-8 mode, in which it
    and its libraries read and write every file as UTF-8.
    """
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get("PYTHONUTF8") != "1":
        _start_again_in_utf8_mode()
    if sys.stdout is sys.__stdout__:  # else a caller, such as a test, has replaced it
        sys.stdout = _lasting(sys.__stdout__, 1)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _lasting(sys.__stderr__, 2)


def _start_again_in_utf8_mode() -> None:
    encoding = sys.stdout.encoding if sys.stdout else "utf-8"  # the terminal's encoding stays
    variables = {"PYTHONUTF8": "1", "PYTHONIOENCODING": f"{encoding}:backslashreplace"}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | variables)


def _lasting(stream: io.TextIOWrapper | None, descriptor: int) -> io.TextIOWrapper:
    """Return a stream with the same destination that survives the loss of its reader."""
    if stream is None:  # the command was started with this descriptor closed
        return open(os.devnull, "w", encoding="utf-8")
    stream.flush()
    raw: Any = _Lasting(descriptor, "wb", closefd=False)
    return io.TextIOWrapper(
        raw if stream.write_through else io.BufferedWriter(raw),  # raw under `python -u`, as in Python itself
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _Lasting(io.FileIO):
    """A descriptor that is redirected to os.devnull once its reader has gone."""

    def write(self, data: Any) -> int:
        """Write, and return the number of bytes written or dropped."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in _NOBODY_READS:
                raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        from kerasbench.terminal import progress  # not above: `--help` needs no terminal library

        if self.fileno() == 1 and progress.has_begun():
            print("standard output has no reader; the runs continue and are recorded", file=sys.stderr, flush=True)
        return len(data)
