"""A local server in place of the data sets' own servers."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pooch
import pytest

from kerasbench.data.download import RemoteFile


class Served:
    """Serves each folder from a server of its own, until closed."""

    def __init__(self) -> None:
        self._servers: list[ThreadingHTTPServer] = []

    def __call__(self, folder: Path) -> str:
        """Serve a folder's files, and return their base address."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self._servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    def file(self, path: Path) -> RemoteFile:
        """Serve a file, and return its description as in a data set's module."""
        return RemoteFile(path.name, f"sha256:{pooch.file_hash(str(path))}", (self(path.parent) + path.name,))

    def close(self) -> None:
        """Stop all servers."""
        for server in self._servers:
            server.shutdown()
            server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def served() -> Iterator[Served]:
    """A server that stops at the end of the test."""
    server = Served()
    yield server
    server.close()
