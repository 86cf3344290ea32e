"""A server of this machine in place of the data sets' own."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pooch
import pytest

from kerasbench.data.download import RemoteFile


class Served:
    """Serves folders, each from a server of its own, until it is closed."""

    def __init__(self) -> None:
        self._servers: list[ThreadingHTTPServer] = []

    def __call__(self, folder: Path) -> str:
        """Serve the files of a folder, and return the address that their names are added to."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self._servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    def file(self, path: Path) -> RemoteFile:
        """Serve a file, and return what a data set's module would say of it."""
        return RemoteFile(path.name, f"sha256:{pooch.file_hash(str(path))}", (self(path.parent) + path.name,))

    def close(self) -> None:
        """End all servers."""
        for server in self._servers:
            server.shutdown()
            server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def served() -> Iterator[Served]:
    """A server that ends with the test."""
    server = Served()
    yield server
    server.close()
