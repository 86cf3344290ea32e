"""Reads an MLflow database where it is at hand: what MLflow's own calls give, without an object for each value.

They take four times as long for a thousand runs, and as much memory. The tables are those of the MLflow version that
the project pins.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlMetric, SqlParam, SqlRun, SqlTag
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import and_, or_, select

from kerasbench.config.schema import Task
from kerasbench.store.runs import Run
from kerasbench.vocabulary import Kind, Tag

Value = tuple[str, int, int, float]  # run id, timestamp, epoch, value


def runs(store: SqlAlchemyStore, experiment_id: str, sweeps: Sequence[str]) -> list[Run]:
    """Return an experiment's runs; with sweeps, theirs, and all parity and published runs."""
    chosen: Any = select(SqlRun.run_uuid).where(
        SqlRun.experiment_id == int(experiment_id), SqlRun.lifecycle_stage == "active"
    )
    if sweeps:
        wanted = or_(
            and_(SqlTag.key == Tag.SWEEP, SqlTag.value.in_(sweeps)),
            and_(SqlTag.key == Tag.TASK, SqlTag.value == Task.parity.value),
            and_(SqlTag.key == Tag.KIND, SqlTag.value == Kind.REFERENCE),
        )
        chosen = chosen.where(SqlRun.run_uuid.in_(select(SqlTag.run_uuid).where(wanted)))
    with store.ManagedSessionMaker() as session:
        tags, params = (_by_run(session, table, chosen) for table in (SqlTag, SqlParam))
        metrics = _by_run(session, SqlLatestMetric, chosen)
        not_numbers: Any = select(SqlLatestMetric.run_uuid, SqlLatestMetric.key).where(
            SqlLatestMetric.run_uuid.in_(chosen), SqlLatestMetric.is_nan
        )
        for run_id, key in session.execute(not_numbers):
            metrics[run_id][key] = math.nan  # kept as 0 and a mark
        columns: Any = select(SqlRun.run_uuid, SqlRun.name, SqlRun.status, SqlRun.start_time)
        return [
            Run(run_id, name, status, started / 1000, tags[run_id], params[run_id], metrics[run_id])
            for run_id, name, status, started in session.execute(columns.where(SqlRun.run_uuid.in_(chosen)))
        ]


def _by_run(session: Any, table: Any, chosen: Any) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    wanted = select(table.run_uuid, table.key, table.value).where(table.run_uuid.in_(chosen))
    for run_id, key, value in session.execute(wanted):
        found[run_id][key] = value
    return found


def history(store: SqlAlchemyStore, run_ids: Sequence[str], metric: str) -> Iterator[Value]:
    """Yield a metric's values in many runs."""
    wanted: Any = select(SqlMetric.run_uuid, SqlMetric.timestamp, SqlMetric.step, SqlMetric.value).where(
        SqlMetric.key == metric, SqlMetric.run_uuid.in_(run_ids), SqlMetric.is_nan.is_(False)
    )
    with store.ManagedSessionMaker() as session:
        yield from (tuple(row) for row in session.execute(wanted))
