"""A worker's log: everything it prints, or, if that is too much, the beginning and the end of it."""

import contextlib
import os
import threading
from pathlib import Path

SHARE = 1 << 20  # bytes kept of the beginning, and of the end
_BLOCK = 1 << 16
_LEFT_OUT = "\n[kerasbench: {} bytes are left out here]\n"


class Log:
    """Copies what comes out of a pipe to a file, in a thread, and keeps the file small while it grows.

    The worker does not write the file itself. So a worker that prints without end does not fill the disk, and a disk
    that is full does not make the worker's `print` fail.
    """

    def __init__(self, path: Path) -> None:
        """Create the file, and start the thread.

        Raises:
            OSError: the file cannot be created.
        """
        self._file = path.open("w+b", buffering=0)
        self._left_out = 0
        reading, self.descriptor = os.pipe()  # what the worker prints to; the caller closes it
        self._thread = threading.Thread(target=self._copy, args=(reading,), name="log", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait until everything printed is in the file: the worker and its children have closed the pipe."""
        self._thread.join(seconds)

    def _copy(self, reading: int) -> None:
        with self._file:
            while block := os.read(reading, _BLOCK):
                with contextlib.suppress(OSError):  # the disk is full: the training matters more than its log
                    self._file.write(block)
                    if self._file.tell() > 4 * SHARE:
                        self._shorten()
            with contextlib.suppress(OSError):
                if self._file.tell() > 2 * SHARE + _BLOCK:
                    self._shorten()
        os.close(reading)

    def _shorten(self) -> None:
        """Keep the beginning and the end of the file."""
        earlier = len(self._note()) if self._left_out else 0
        self._left_out += self._file.tell() - earlier - 2 * SHARE
        self._file.seek(-SHARE, os.SEEK_END)
        last = self._file.read(SHARE)
        self._file.seek(SHARE)
        self._file.truncate()
        self._file.write(self._note() + last)

    def _note(self) -> bytes:
        return _LEFT_OUT.format(self._left_out).encode()
