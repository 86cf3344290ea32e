"""Reads the runs of an experiment, and the histories that the report needs, in a few calls whatever their number."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from mlflow import MlflowClient
from mlflow.entities import Run as StoredRun
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.rest_store import RestStore
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils.rest_utils import http_request_safe

from kerasbench.config.schema import Task
from kerasbench.store import database
from kerasbench.store.database import Value
from kerasbench.store.runs import Run
from kerasbench.store.tracking import STORE_ERRORS, first_line, sqlite_file
from kerasbench.terminal.errors import UserError
from kerasbench.vocabulary import Kind, Metric, Tag

_BY_EPOCH = (
    Metric.EPOCH_SECONDS, Metric.VALIDATION_SECONDS, Metric.ELAPSED_SECONDS, Metric.LOSS, Metric.VAL_ACCURACY,
)  # fmt: skip
_GPU_BY_EPOCH = ("_utilization_percent", "_memory_mib")
_RUNS_PER_CALL = 100  # what a server's bulk call takes at most
_VALUES_PER_CALL = 25_000  # what it gives at most
_BULK_ROUTE = "/ajax-api/2.0/mlflow/metrics/get-history-bulk"  # what MLflow's own charts are drawn from


def read(uri: str, experiment: str, sweeps: Sequence[str]) -> list[Run]:
    """Return an experiment's runs, the newest first: all of them, or those of some sweeps, parity and published runs.

    Raises:
        UserError: the store cannot be read, or holds no such experiment or sweep.
    """
    try:
        client, experiment_id = _open(uri, experiment)
        return _read(client, experiment_id, experiment, sweeps)
    except STORE_ERRORS as error:
        raise UserError(f"tracking.uri={uri} cannot be read: {first_line(error)}") from error


def _read(client: MlflowClient, experiment_id: str, experiment: str, sweeps: Sequence[str]) -> list[Run]:
    store = client._tracking_client.store
    if isinstance(store, SqlAlchemyStore):
        found = database.runs(store, experiment_id, sweeps)
    else:
        found = _ask(client, experiment_id, sweeps)
    runs = sorted(found, key=lambda run: run.started_at, reverse=True)
    _check_sweeps(runs, experiment, sweeps)
    return _with_histories(client, runs)


def _ask(client: MlflowClient, experiment_id: str, sweeps: Sequence[str]) -> list[Run]:
    """Return the runs that a server knows."""
    filters = [f"tags.{Tag.SWEEP} = '{sweep}'" for sweep in sweeps]
    if sweeps:
        filters += [f"tags.{Tag.TASK} = '{Task.parity.value}'", f"tags.{Tag.KIND} = '{Kind.REFERENCE}'"]
    stored = {run.info.run_id: run for text in filters or [""] for run in _search(client, experiment_id, text)}
    return [_run(run) for run in stored.values()]


def _open(uri: str, experiment: str) -> tuple[MlflowClient, str]:
    file = sqlite_file(uri)
    if file and not file.exists():
        raise UserError(f"{uri} does not exist yet: train something first (`make sweep`), or name a store with --uri")
    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    if found is None:
        known = ", ".join(one.name for one in client.search_experiments(max_results=20))
        raise UserError(f"{uri} has no experiment {experiment!r}; it has: {known}")
    return client, found.experiment_id


def _search(client: MlflowClient, experiment_id: str, text: str) -> Iterator[StoredRun]:
    token = None
    while True:
        page = client.search_runs([experiment_id], text, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _run(stored: StoredRun) -> Run:
    info, data = stored.info, stored.data
    return Run(
        info.run_id, info.run_name, info.status, info.start_time / 1000, data.tags, data.params, dict(data.metrics)
    )


def _check_sweeps(runs: list[Run], experiment: str, sweeps: Sequence[str]) -> None:
    there = {run.tags[Tag.SWEEP] for run in runs if Tag.SWEEP in run.tags and run.tags.get(Tag.KIND) != Kind.REPORT}
    missing = [sweep for sweep in sweeps if sweep not in there]
    if missing:
        raise UserError(f"{experiment} has no run of sweep {', '.join(missing)}; --sweep takes the tag `sweep` of runs")


def _with_histories(client: MlflowClient, runs: list[Run]) -> list[Run]:
    """Return the runs, the finished measured ones with their histories."""
    measured = [run for run in runs if run.finished and run.measured]
    gpu = {name for run in measured for name in run.metrics if name.startswith("gpu_") and name.endswith(_GPU_BY_EPOCH)}
    histories: dict[str, dict[str, dict[int, float]]] = defaultdict(dict)
    for metric in [*_BY_EPOCH, *sorted(gpu)]:
        having = [run.id for run in measured if metric in run.metrics]
        for run_id, _, epoch, value in sorted(_values(client, having, metric)):  # of two values the newer stays
            if not math.isnan(value):
                histories[run_id].setdefault(metric, {})[epoch] = value
    return [replace(run, histories=histories.get(run.id, {})) for run in runs]


def _values(client: MlflowClient, run_ids: list[str], metric: str) -> Iterable[Value]:
    """Return a metric's values in many runs: from the database itself, or by the bulk call of MLflow's own charts."""
    store = client._tracking_client.store
    for start in range(0, len(run_ids), _RUNS_PER_CALL):
        some = run_ids[start : start + _RUNS_PER_CALL]
        if isinstance(store, SqlAlchemyStore):
            yield from database.history(store, some, metric)
        else:
            values = _from_server(store, some, metric) if isinstance(store, RestStore) else None
            yield from _one_by_one(client, some, metric) if values is None else values


def _from_server(store: RestStore, run_ids: list[str], metric: str) -> list[Value] | None:
    """Return a server's answer; None where it knows no such call, or has more to say than it does in one."""
    query = [("run_id", run_id) for run_id in run_ids] + [("metric_key", metric)]
    try:
        answer = http_request_safe(  # type: ignore[no-untyped-call]
            store.get_host_creds(), _BULK_ROUTE, "GET", params=query
        ).json()
    except MlflowException:
        return None
    values = [(one["run_id"], int(one["timestamp"]), int(one["step"]), one["value"]) for one in answer["metrics"]]
    return values if len(values) < _VALUES_PER_CALL else None


def _one_by_one(client: MlflowClient, run_ids: list[str], metric: str) -> Iterator[Value]:
    for run_id in run_ids:
        for found in client.get_metric_history(run_id, metric):
            yield run_id, found.timestamp, found.step, found.value
