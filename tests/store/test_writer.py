"""The thread that hands operations on: in order, and metrics together."""

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kerasbench.config.schema import TrackingConfig
from kerasbench.store.record import Operation
from kerasbench.store.recorded import RecordedRun
from kerasbench.store.tracking import open_store
from kerasbench.store.writer import Applying, Writer, batches
from tests.conftest import runs_in

_LONG = 60.0  # seconds; no test waits for so long


def _metrics(step: int) -> Operation:
    return {"op": "metrics", "metrics": {"loss": 1.0 / step}, "step": step, "at": step}


class _Kept:
    """Keeps what it is to apply, and when."""

    def __init__(self) -> None:
        self.progress = SimpleNamespace(run_id="a run")
        self.batches: list[list[Any]] = []
        self.at: list[float] = []

    def apply(self, batch: list[Operation]) -> None:
        self.batches.append([one.get("step", one["op"]) for one in batch])
        self.at.append(time.monotonic())

    def finish(self) -> None:
        pass


def test_operations_of_a_record_stay_in_order_and_adjacent_metrics_come_together() -> None:
    steps = [_metrics(step) for step in range(1, 251)]
    found = list(batches([{"op": "run"}, {"op": "tags"}, *steps, {"op": "text"}, _metrics(1), {"op": "end"}]))
    assert [one for batch in found for one in batch][2:-3] == steps
    assert [len(batch) for batch in found] == [1, 1, 100, 100, 50, 1, 1, 1]


def test_metrics_that_wait_are_applied_together_and_nothing_overtakes_them() -> None:
    kept, opened = _Kept(), threading.Event()

    def connect() -> Applying:
        opened.wait(_LONG)
        return cast(Applying, kept)

    writer = Writer(connect, _LONG)
    for operation in ({"op": "run"}, _metrics(1), _metrics(2), {"op": "tags"}, _metrics(3), {"op": "end"}):
        writer.put(operation)
    opened.set()
    assert writer.close(_LONG)
    assert kept.batches == [["run"], [1, 2], ["tags"], [3], ["end"]]


@pytest.mark.slow
def test_metrics_come_at_most_so_often_and_the_end_does_not_wait() -> None:
    kept = _Kept()
    writer = Writer(lambda: cast(Applying, kept), 0.5)
    for step in range(1, 31):
        writer.put(_metrics(step))
        time.sleep(0.05)
    closed = time.monotonic()
    assert writer.close(_LONG)
    assert time.monotonic() - closed < 0.4
    assert [step for batch in kept.batches for step in batch] == list(range(1, 31))
    assert 3 <= len(kept.batches) <= 5  # 1.5 seconds: at once, after 0.5 and 1.0, and the rest at the end
    assert all(later - earlier >= 0.5 for earlier, later in zip(kept.at, kept.at[1:-1], strict=False))


@pytest.mark.slow
def test_a_run_with_more_metrics_than_mlflow_takes_at_once_is_kept_whole(store: str, tmp_path: Path) -> None:
    tracking = TrackingConfig(store, str(tmp_path / "artifacts"), "keras-backends", _LONG, _LONG)
    with RecordedRun(tmp_path, "a run", {}, tracking, open_store(tracking), print) as run:
        for step in (1, 2):
            run.metrics({f"metric_{number}": float(step) for number in range(700)}, step=step)
        run.metrics({f"of_run_{number}": 3.0 for number in range(1100)})
    (kept,) = runs_in(store)
    assert len(kept.data.metrics) == 1800
    assert kept.data.metrics["metric_699"] == 2.0
