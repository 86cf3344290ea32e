"""The MLflow UI, served for real."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from kerasbench import ui
from kerasbench.config import TrackingConfig
from kerasbench.paths import PROJECT
from kerasbench.tracking import TrackedRun, open_store


def test_the_comparison_is_the_charts_of_one_sweeps_runs() -> None:
    url = urllib.parse.urlparse(ui.comparison_url("7", "20261123-a1"))
    assert url.netloc == "127.0.0.1:5000"
    page, _, query = url.fragment.partition("?")
    assert page == "/experiments/7/runs"
    assert urllib.parse.parse_qs(query) == {
        "workflowType": ["machine_learning"],
        "compareRunsMode": ["CHART"],
        "searchFilter": ["tags.sweep = '20261123-a1'"],
    }


@pytest.mark.slow
def test_the_server_answers_with_the_stores_runs(store: str, tmp_path: Path) -> None:
    config = TrackingConfig(store, str(tmp_path / "artifacts"), "keras-backends")
    with TrackedRun(open_store(config), "theano · mnist_mlp", {"sweep": "a1"}) as tracked:
        tracked.metrics({"loss": 0.5}, step=1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "kerasbench.ui", "--uri", store, "--port", str(port)]
    server = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_up(f"http://127.0.0.1:{port}/health", server)
        query = json.dumps({"experiment_ids": [tracked.experiment_id], "filter": "tags.sweep = 'a1'"}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/2.0/mlflow/runs/search", query, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            (run,) = json.load(answer)["runs"]
        assert run["info"]["run_name"] == "theano · mnist_mlp"
    finally:
        server.terminate()
        server.wait(30)


def _wait_until_up(url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.time() + 90
    while time.time() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.3)
    raise AssertionError("the server did not answer")
