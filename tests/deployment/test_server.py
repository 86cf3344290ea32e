"""The shared server: sweeps, report, resume, sync and ui work with it, and nobody else gets in or sees a password."""

import contextlib
import http.client
import json
import os
import stat
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests
from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException

from kerasbench.paths import PROJECT
from kerasbench.store.record import SYNCED
from tests.conftest import runs_in
from tests.deployment import postgres
from tests.stub.driver import Stub

pytestmark = [pytest.mark.slow, pytest.mark.thorough, pytest.mark.xdist_group("postgres")]

_SWEEP = ("-m", "backend=torch,theano")


def _kerasbench(*arguments: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "kerasbench", *arguments],
        cwd=PROJECT, env=os.environ | variables, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_sweep_its_report_resume_and_sync_work_as_with_a_file(
    stub: Stub, postgres_server: str, tmp_path: Path
) -> None:
    experiment = str(tmp_path)
    shared = (f"tracking.uri={postgres_server}", f"tracking.experiment={experiment}")
    first = stub.train(*_SWEEP, *shared)
    assert first.returncode == 0, first.stdout + first.stderr
    runs = runs_in(postgres_server, experiment)
    assert sorted(run.data.tags["backend"] for run in runs) == ["theano", "torch"]
    assert {run.info.status for run in runs} == {"FINISHED"}

    sweep = runs[0].data.tags["sweep"]
    again = stub.train(*_SWEEP, "repeats=2", f"resume={sweep}", *shared)  # adds a round
    assert again.returncode == 0, again.stdout + again.stderr
    runs = runs_in(postgres_server, experiment)
    assert len(runs) == 4
    assert {run.data.tags["sweep"] for run in runs} == {sweep}

    told = json.loads(_kerasbench("report", "--uri", postgres_server, "--experiment", experiment, "--format", "json"))
    assert "theano" in json.dumps(told) and "torch" in json.dumps(told)

    kept = list(stub.folder.rglob(SYNCED))
    assert len(kept) == 4
    kept[0].unlink()
    told_by_sync = _kerasbench("sync", str(stub.folder), MLFLOW_TRACKING_URI=postgres_server)
    assert told_by_sync.startswith("1 runs handed on")
    client = MlflowClient(postgres_server)
    for run in runs_in(postgres_server, experiment):  # handed on twice, kept once
        assert len(client.get_metric_history(run.info.run_id, "loss")) == 2
        names = {file.path for file in client.list_artifacts(run.info.run_id)}
        assert {"config.yaml", "worker.log", "packages.txt"} <= names

    page = _kerasbench("ui", "--uri", postgres_server, "--experiment", experiment)
    assert f"{postgres_server}/#/experiments/{runs[0].info.experiment_id}/runs" in page


def test_many_requests_at_once_do_not_wait_for_each_other(postgres_server: str, tmp_path: Path) -> None:
    client = MlflowClient(postgres_server)
    experiment = client.create_experiment(str(tmp_path))
    runs = [client.create_run(experiment).info.run_id for _ in range(40)]

    def log(run_id: str) -> None:
        client.log_batch(run_id, [Metric(f"metric_{number}", 1.0, 1, 1) for number in range(20)])

    with ThreadPoolExecutor(len(runs)) as pool:
        list(pool.map(log, runs * 3))
    assert all(len(run.data.metrics) == 20 for run in client.search_runs([experiment]))


def _status(address: str, method: str, path: str, **headers: str) -> int:
    place = urllib.parse.urlparse(address)
    with contextlib.closing(http.client.HTTPConnection(place.hostname or "", place.port)) as connection:
        connection.request(method, path, body=b"{}", headers={"Content-Type": "application/json", **headers})
        with connection.getresponse() as answer:
            return answer.status


def test_other_host_names_and_pages_of_other_origins_are_refused(postgres_server: str) -> None:
    search = "/api/2.0/mlflow/experiments/search"
    assert _status(postgres_server, "GET", f"{search}?max_results=1") == 200
    assert _status(postgres_server, "GET", f"{search}?max_results=1", Host="attacker.example") == 403
    create = "/api/2.0/mlflow/experiments/create"
    assert _status(postgres_server, "POST", create, Origin="http://attacker.example") == 403


@pytest.fixture(scope="module")
def kept() -> Iterator[Path]:
    with postgres.folder() as folder:
        yield folder


def _processes() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def _databases(kept: Path) -> list[psutil.Process]:
    """Return the PostgreSQL that runs on a server's folder."""
    return [one for one in _processes() if one.name() == "postgres" and str(kept / "postgresql") in one.cmdline()]


def test_with_authentication_only_users_get_in_no_password_is_shown_and_a_restart_keeps_all(
    stub: Stub, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres.running(kept, "--auth") as address:
        refused = stub.train(*_SWEEP, f"tracking.uri={address}")
        assert refused.returncode == 2
        assert "MLFLOW_TRACKING_USERNAME" in refused.stderr

        administrator, password = (kept / "admin-password").read_text().strip(), "a password of twelve"
        _log_in(monkeypatch, "admin", administrator)
        new = {"username": "somebody", "password": password}
        made = requests.post(f"{address}/api/2.0/mlflow/users/create", json=new, auth=("admin", administrator))
        assert made.ok, made.text
        assert requests.get(f"{address}/signup", auth=("admin", administrator)).ok
        first_user = stub.train("backend=torch", f"tracking.uri={address}")
        assert first_user.returncode == 0, first_user.stderr
        _log_in(monkeypatch, "somebody", password)
        second_user = stub.train(*_SWEEP, f"tracking.uri={address}")  # in the experiment of the first
        assert second_user.returncode == 0, second_user.stderr
        assert len(runs_in(address)) == 3
        assert "torch" in _kerasbench("report", "--uri", address, "--format", "csv")

        secrets = [administrator, password, (kept / "secret-key").read_text().strip()]
        _assert_hidden(secrets, stub.folder, refused.stderr + first_user.stdout + second_user.stdout)
        for name in ("admin-password", "secret-key"):
            assert stat.S_IMODE((kept / name).stat().st_mode) == 0o600
        (database,) = _databases(kept)
        of_database = [database, *database.children(recursive=True)]
        assert not [one for process in of_database for one in process.net_connections("inet")]
        _log_in(monkeypatch, "somebody", "not the password")
        with pytest.raises(MlflowException, match="401"):
            MlflowClient(address).search_experiments()

    with postgres.running(kept, "--auth") as address:
        _log_in(monkeypatch, "somebody", password)
        assert len(runs_in(address)) == 3
    assert not _databases(kept)


def _log_in(monkeypatch: pytest.MonkeyPatch, user: str, password: str) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)


def _assert_hidden(secrets: list[str], outputs: Path, printed: str) -> None:
    """Assert that secrets are on no command line and in no file of the client."""
    lines = [" ".join(process.cmdline()) for process in _processes()]
    assert any("mlflow" in line for line in lines)
    contents = [file.read_bytes().decode(errors="replace") for file in outputs.rglob("*") if file.is_file()]
    for text in [*lines, *contents, printed]:
        assert not any(secret in text for secret in secrets)
