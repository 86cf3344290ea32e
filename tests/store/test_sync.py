"""Handing on records: a damaged one is named, and holds up no other."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kerasbench.config.schema import TrackingConfig
from kerasbench.data import PreparedData
from kerasbench.store import sync
from kerasbench.store.record import EVENTS, SYNCED, Record
from kerasbench.store.recorded import RecordedRun
from kerasbench.store.tracking import open_store
from kerasbench.vocabulary import Tag
from tests.conftest import runs_in
from tests.examples import examples

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)
_NAMES = st.sampled_from(
    ["run", "params", "tags", "metrics", "dataset", "artifact", "text", "end", "__exit__", "_create"]
)
_OPERATION = st.fixed_dictionaries(
    {"version": st.just(1), "op": _NAMES | _JSON},
    optional=dict.fromkeys(("name", "tags", "at", "store", "metrics", "step", "path", "status"), _JSON),
)


@pytest.fixture
def tracking(store: str, tmp_path: Path) -> TrackingConfig:
    return TrackingConfig(
        store, str(tmp_path / "artifacts"), "keras-backends", patience_seconds=10.0, batch_seconds=0.0
    )


def _run(folder: Path, tracking: TrackingConfig) -> RecordedRun:
    folder.mkdir(exist_ok=True)
    return RecordedRun(folder, "a run", {}, tracking, open_store(tracking), print)


@pytest.mark.slow
@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(operations=st.lists(_OPERATION, max_size=3))
def test_any_record_is_handed_on_or_named(
    tmp_path_factory: pytest.TempPathFactory, tracking: TrackingConfig, operations: list[dict[str, object]]
) -> None:
    folder = tmp_path_factory.mktemp("records")
    (folder / EVENTS).write_text("".join(json.dumps(one) + "\n" for one in operations))
    told: list[str] = []
    synced, failed = sync.sync([folder], tracking, told.append)
    assert len(told) == failed <= 1
    assert synced + failed <= 1
    assert all(str(folder) in line for line in told)


def test_an_earlier_run_in_the_same_folder_is_neither_lost_nor_mixed_with_the_new_one(
    tmp_path: Path, tracking: TrackingConfig
) -> None:
    for loss in (1.0, 2.0):
        with _run(tmp_path / "same", tracking) as run:
            run.metrics({"loss": loss}, step=1)
    (tmp_path / "same" / "earlier-1" / SYNCED).unlink()
    assert sync.sync([tmp_path], tracking, print) == (1, 0)
    assert sorted(run.data.metrics["loss"] for run in runs_in(tracking.uri)) == [1.0, 2.0]


def test_a_run_that_was_taken_for_lost_and_had_finished_is_no_failure(tmp_path: Path, tracking: TrackingConfig) -> None:
    with _run(tmp_path / "run", tracking):
        pass
    (run,) = runs_in(tracking.uri)
    client, _ = open_store(tracking)
    client.set_tag(run.info.run_id, Tag.FAILURE, sync._LOST)
    client.set_terminated(run.info.run_id, "FAILED")
    record = Record(tmp_path / "run")
    progress = record.progress
    progress.applied, progress.complete = progress.applied - 1, False
    record.advance(progress)
    assert sync.sync([tmp_path], tracking, print) == (1, 0)
    (run,) = runs_in(tracking.uri)
    assert run.info.status == "FINISHED"
    assert Tag.FAILURE not in run.data.tags


def test_a_store_that_was_made_anew_gets_the_whole_record(tmp_path: Path, tracking: TrackingConfig) -> None:
    with _run(tmp_path / "run", tracking) as run:
        run.dataset(PreparedData("/data.npz", "d", "real", "0" * 64, ("x",), 2, 3, 4))
        run.metrics({"loss": 0.5}, step=1)
    record = Record(tmp_path / "run")
    progress = record.progress
    progress.run_id, progress.complete = "f" * 32, False  # of the store before
    record.advance(progress)
    assert sync.sync([tmp_path], tracking, print) == (1, 0)
    assert [run.data.metrics for run in runs_in(tracking.uri)] == [{"loss": 0.5}]
