"""`kerasbench ui` serves the store with MLflow's UI, and prints the address of the page that compares a sweep."""

import argparse
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from kerasbench.credentials import without_credentials
from kerasbench.process import children
from kerasbench.store import pages
from kerasbench.terminal.errors import UserError, reporting
from kerasbench.vocabulary import Tag

if TYPE_CHECKING:
    from mlflow import MlflowClient

_LIGHT_MODE = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",  # else the server and its pages send usage reports
}
_START_SECONDS = 120
_POLL_SECONDS = 0.2
_ASK_SECONDS = 5
_LAST_PORT = 65535


@dataclass(frozen=True)
class Store:
    """An open store, and the experiment to show."""

    uri: str
    client: "MlflowClient"
    experiment_id: str

    def sweep(self, named: str | None) -> str | None:
        """Return the sweep to show: the named one, by default the last; None if there is none yet.

        Raises:
            UserError: no run belongs to the named sweep.
        """
        runs = self.client.search_runs(
            [self.experiment_id], f"tags.{Tag.SWEEP} IS NOT NULL and tags.{Tag.KIND} IS NULL", max_results=1000
        )
        sweeps = list(dict.fromkeys(run.data.tags[Tag.SWEEP] for run in runs))
        if named is None:
            return sweeps[0] if sweeps else None
        if named not in sweeps and not (re.fullmatch(r"[\w.-]+", named) and self._has(named)):
            last = ", ".join(sweeps[:3]) or "none"
            raise UserError(f"--sweep {named}: {self.uri} has no run of this sweep; the last sweeps are: {last}")
        return named

    def _has(self, sweep: str) -> bool:
        return bool(self.client.search_runs([self.experiment_id], f"tags.{Tag.SWEEP} = '{sweep}'", max_results=1))

    def is_served_at(self, server: str) -> bool:
        """Return whether an MLflow server at this address holds this same experiment and its newest run."""
        experiment = self.client.get_experiment(self.experiment_id)
        api = f"{server}/api/2.0/mlflow"
        try:
            held = json.loads(_ask(f"{api}/experiments/get?experiment_id={self.experiment_id}"))["experiment"]
            for run in self.client.search_runs([self.experiment_id], max_results=1):
                _ask(f"{api}/runs/get?run_id={run.info.run_id}")
        except (OSError, ValueError, KeyError, TypeError):
            return False
        return (held.get("name"), held.get("creation_time")) == (experiment.name, experiment.creation_time)


def _ask(url: str) -> bytes:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy cannot reach this machine
    with direct.open(url, timeout=_ASK_SECONDS) as answer:
        content: bytes = answer.read()
    return content


@contextlib.contextmanager
def serving(store: Store, port: int = pages.PORT) -> Iterator[tuple[str, "subprocess.Popen[bytes] | None"]]:
    """Yield the address of a server of the store, and its process if started here; the process ends with the block.

    If the store is a server, or a server of the store already runs on the port, that server is used. If another program
    uses the port, or the port is 0, a free port is chosen.

    Raises:
        UserError: the port is not between 0 and 65535, or the server does not start.
    """
    if not 0 <= port <= _LAST_PORT:
        raise UserError(f"--port {port}: a port is a number from 0 to {_LAST_PORT}")
    server = f"http://{pages.HOST}:{port}"
    if store.uri.startswith(("http://", "https://")):
        yield without_credentials(store.uri).rstrip("/"), None
    elif not _is_free(port) and store.is_served_at(server):
        yield server, None
    else:
        chosen = port if port and _is_free(port) else _free_port()
        with tempfile.TemporaryFile() as log:
            process = _start(store.uri, chosen, log)
            try:
                _await(f"http://{pages.HOST}:{chosen}", process, log)
                yield f"http://{pages.HOST}:{chosen}", process
            finally:
                children.end(process)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((pages.HOST, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((pages.HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def _start(uri: str, port: int, log: IO[bytes]) -> "subprocess.Popen[bytes]":
    """Start a server with one worker process and no job runner: it starts in seconds and takes half a GB."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", pages.HOST, "--port", str(port), "--workers", "1"]
    # Not as an argument: the address may contain a password, and every user of the machine can read command lines.
    variables = os.environ | _LIGHT_MODE | {"MLFLOW_BACKEND_STORE_URI": uri}
    return children.start(command, env=variables, stdout=log, stderr=log)


def _await(server: str, process: "subprocess.Popen[bytes]", log: IO[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            _ask(f"{server}/health")
            return
        time.sleep(_POLL_SECONDS)
    raise UserError(
        f"MLflow's server did not start on {server} within {_START_SECONDS} seconds; its last line: {_last_line(log)}"
    )


def _last_line(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "none")


def main(arguments: list[str] | None = None) -> None:
    """Serve the store with MLflow's UI until Ctrl-C, and print the address of the page that compares a sweep's runs."""
    parser = argparse.ArgumentParser(prog="kerasbench ui", description=main.__doc__)
    parser.add_argument("--uri", help="the MLflow store to serve (default: MLFLOW_TRACKING_URI, else mlruns/mlflow.db)")
    parser.add_argument("--experiment", help="the experiment in it to show (default: keras-backends)")
    parser.add_argument("--sweep", help="the id of the sweep to show (default: the last one)")
    parser.add_argument(
        "--port", type=int, default=pages.PORT, help=f"the port to serve on (default: {pages.PORT}; 0: any free one)"
    )
    parser.add_argument("--open", action="store_true", help="also open the page in the web browser")
    options = parser.parse_args(arguments)
    from kerasbench.process import interruption

    interruption.install()
    with reporting(), contextlib.suppress(KeyboardInterrupt):
        _run(options)


def _run(options: argparse.Namespace) -> None:
    from kerasbench.config.composition import store as configured_store
    from kerasbench.store.tracking import open_store

    tracking = configured_store(options.uri, options.experiment)
    opened = open_store(tracking, artifacts=False)
    store = Store(tracking.uri, *opened)
    sweep = store.sweep(options.sweep)
    if sweep:
        pages.save(tracking, sweep)
    with serving(store, options.port) as (server, process):
        if process and options.port and not server.endswith(f":{options.port}"):
            print(f"port {options.port} is used by another program")
        served = without_credentials(tracking.uri)
        print(f"MLflow serves {served} on {server}" + (" (stop it with Ctrl-C)" if process else " already"))
        page = (
            pages.comparison_url(store.experiment_id, sweep, server)
            if sweep
            else pages.runs_url(store.experiment_id, server)
        )
        print(
            f"the runs of sweep {sweep} are compared at"
            if sweep
            else "the store has no sweep yet; its runs will be listed at"
        )
        print(page, flush=True)
        if options.open and not webbrowser.open(page):
            print("no web browser found: open the address yourself", flush=True)
        if process:
            status = process.wait()
            raise UserError(f"MLflow's server on {server} ended by itself, with exit status {status}")


if __name__ == "__main__":
    main()
