"""A shared tracking server as `deploy/server.py` runs it: MLflow on a real PostgreSQL, in a folder that passes."""

import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from kerasbench.paths import PROJECT
from kerasbench.process import children
from kerasbench.store.ui import _ask, _free_port

SCRIPT = PROJECT / "deploy" / "server.py"
_STOP_SECONDS = 60.0
_POLL_SECONDS = 0.2


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A new folder for a server: a short path, for the socket in it, that PostgreSQL's account may enter."""
    made = Path(tempfile.mkdtemp(prefix="kerasbench-server-", dir="/tmp"))
    try:
        yield made
    finally:
        shutil.rmtree(made)


@contextlib.contextmanager
def running(kept: Path, *options: str) -> Iterator[str]:
    """Run the script on a free port; yield the server's address, and stop it after the block.

    Args:
        kept: the server's folder; it may hold what an earlier server kept there.
        options: of the script; one process of MLflow, unless they say otherwise.
    """
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, str(SCRIPT), str(kept), "--port", str(port), "--workers", "1", *options]
    with (kept / "server.log").open("a+b") as log:
        process = children.start(command, stdout=log, stderr=log)
        try:
            while not _answers(address):  # the script itself gives up after some minutes
                assert process.poll() is None, (kept / "server.log").read_text()
                time.sleep(_POLL_SECONDS)
            yield address
        finally:
            children.end(process, _STOP_SECONDS)


def _answers(address: str) -> bool:
    try:
        return bool(_ask(f"{address}/health"))
    except OSError:
        return False
