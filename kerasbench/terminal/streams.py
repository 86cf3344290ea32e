"""The command's standard output and error on any terminal: another encoding than UTF-8, or nobody who reads."""

import errno
import io
import os
import sys
from typing import Any

_NOBODY_READS = (errno.EPIPE, errno.EIO)  # a reader that has ended (`| head -4`), a terminal that is closed


def prepare() -> None:
    """Make printing safe, once, at the start of a command.

    A character that the terminal's encoding lacks is printed as an escape. Output that nobody reads is dropped, because
    training must go on and be kept. Where the locale's encoding is not UTF-8, the command starts again in Python's
    UTF-8 mode: it and the libraries that it uses then read and write every file as UTF-8.
    """
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get("PYTHONUTF8") != "1":
        _start_again_in_utf8_mode()
    if sys.stdout is sys.__stdout__:  # else a caller, a test for one, has put something in its place
        sys.stdout = _lasting(sys.__stdout__, 1)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _lasting(sys.__stderr__, 2)


def _start_again_in_utf8_mode() -> None:
    encoding = sys.stdout.encoding if sys.stdout else "utf-8"  # that of the terminal stays
    variables = {"PYTHONUTF8": "1", "PYTHONIOENCODING": f"{encoding}:backslashreplace"}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | variables)


def _lasting(stream: io.TextIOWrapper | None, descriptor: int) -> io.TextIOWrapper:
    """Return a stream that writes where the given one does, and survives the loss of its reader."""
    if stream is None:  # the command was started with this descriptor closed
        return open(os.devnull, "w", encoding="utf-8")
    stream.flush()
    raw: Any = _Lasting(descriptor, "wb", closefd=False)
    return io.TextIOWrapper(
        raw if stream.write_through else io.BufferedWriter(raw),  # the first under `python -u`, as Python itself does
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _Lasting(io.FileIO):
    """A descriptor that leads to os.devnull once nobody reads it any more."""

    def write(self, data: Any) -> int:
        """Write, and return the number of bytes that were written or dropped."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in _NOBODY_READS:
                raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        from kerasbench.terminal import progress  # not above: the command's own help needs no terminal library

        if self.fileno() == 1 and progress.has_begun():
            print("nobody reads standard output any more; the runs go on and are kept", file=sys.stderr, flush=True)
        return len(data)
