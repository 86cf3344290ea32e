"""A real MLflow server that can be killed and started again, and a proxy in front of it that fails on request."""

import contextlib
import os
import signal
import socket
import threading
from pathlib import Path
from typing import ClassVar

import psutil

from kerasbench.process import children
from kerasbench.store.ui import _await, _free_port, _start


class Server:
    """A real MLflow server; it keeps its database and its artifacts in one folder."""

    def __init__(self, folder: Path) -> None:
        """Start it."""
        self.port, self._folder = _free_port(), folder
        self.uri = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        before = Path.cwd()
        os.chdir(self._folder)  # where it keeps artifacts
        try:
            with (self._folder / "server.log").open("w+b") as log:
                self._process = _start(f"sqlite:///{self._folder}/server.db", self.port, log)
                _await(self.uri, self._process, log)
        finally:
            os.chdir(before)

    def processes(self) -> set[psutil.Process]:
        """Return its processes."""
        main = psutil.Process(self._process.pid)
        return {main, *main.children(recursive=True)}

    def kill(self) -> None:
        """End it and its workers at once, in the middle of what they do."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        """End it and its workers."""
        children.end(self._process)


class Proxy:
    """Passes bytes between clients and a server, or fails in the way that `fault` names.

    Attributes:
        fault: "" or a key of `ANSWERS`, "drop" (close the connection), "slow" (answer after `seconds`).
    """

    ANSWERS: ClassVar = {
        "500": (b"500 Internal Server Error", b"application/json", b'{"error_code": "INTERNAL_ERROR"}'),
        "401": (b"401 Unauthorized", b"text/plain", b"who are you?"),
        "html": (b"200 OK", b"text/html", b"<html>please log in</html>"),
    }

    def __init__(self, port: int, seconds: float = 2.0) -> None:
        """Listen on a free port."""
        self._upstream, self._seconds, self.fault = port, seconds, ""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.failed = 0  # connections that a fault has met
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """Serve one connection: requests and answers pass in turn, and every request meets the current fault."""
        with client, contextlib.ExitStack() as stack:
            try:
                upstream = stack.enter_context(socket.create_connection(("127.0.0.1", self._upstream)))
            except OSError:  # the server is down
                return
            answers = threading.Thread(target=self._pass_on, args=(upstream, client), daemon=True)
            answers.start()
            try:
                while request := client.recv(1 << 16):
                    fault = self.fault
                    self.failed += bool(fault)
                    if fault == "slow":
                        threading.Event().wait(self._seconds)
                    elif fault:
                        if fault in self.ANSWERS:
                            status, kind, body = self.ANSWERS[fault]
                            head = b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
                            client.sendall(head % (status, kind, len(body)) + body)
                        return
                    upstream.sendall(request)
            except OSError:
                return

    @staticmethod
    def _pass_on(upstream: socket.socket, client: socket.socket) -> None:
        try:
            while answer := upstream.recv(1 << 16):
                client.sendall(answer)
        except OSError:
            return
