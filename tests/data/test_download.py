"""Downloads from a real local server."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kerasbench.data.download import DownloadError, RemoteFile, fetch

CONTENT = bytes(range(256)) * 4096  # 1 MiB


class Server(ThreadingHTTPServer):
    """Serves CONTENT as /file, with ranges; the first `breaks` answers end in the middle."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.breaks = 0
        self.ranges: list[str | None] = []
        self.url = f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self.path != "/file":
            self.send_error(404)
            return
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        rest = CONTENT[start:]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if self.server.breaks:
            self.server.breaks -= 1
            rest = rest[: len(rest) // 2]
        self.wfile.write(rest)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def remote(*urls: str, content: bytes = CONTENT) -> RemoteFile:
    return RemoteFile("file", f"sha256:{hashlib.sha256(content).hexdigest()}", urls)


def test_a_file_is_fetched_once(server: Server, tmp_path: Path) -> None:
    file = remote(server.url + "file")
    assert fetch(file, tmp_path).read_bytes() == CONTENT
    assert fetch(file, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None]


def test_a_download_that_broke_off_is_continued(server: Server, tmp_path: Path) -> None:
    server.breaks = 1
    with pytest.raises(DownloadError, match=r"could not be downloaded"):
        fetch(remote(server.url + "file"), tmp_path)
    assert not (tmp_path / "file").exists()
    assert fetch(remote(server.url + "file"), tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={len(CONTENT) // 2}-"]


def test_a_wrong_checksum_is_told_and_nothing_is_kept(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="hash"):
        fetch(remote(server.url + "file", content=b"other"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_part_of_another_file_is_dropped(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT + b"too long")
    with pytest.raises(DownloadError, match="try again"):
        fetch(remote(server.url + "file"), tmp_path)
    assert fetch(remote(server.url + "file"), tmp_path).read_bytes() == CONTENT


def test_the_second_mirror_serves_where_the_first_does_not(server: Server, tmp_path: Path) -> None:
    assert fetch(remote(server.url + "gone", server.url + "file"), tmp_path).read_bytes() == CONTENT


def test_each_address_that_failed_is_named_with_its_reason(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError) as caught:
        fetch(remote(server.url + "gone", "http://127.0.0.1:9/file"), tmp_path)
    assert f"{server.url}gone: HTTP status 404" in str(caught.value)
    assert "http://127.0.0.1:9/file: no connection" in str(caught.value)
