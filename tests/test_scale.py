"""A small share of `make scale`: recorded runs are replayed against a server, and what is lost is counted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import replaying, scale
from kerasbench.config.schema import TrackingConfig
from kerasbench.paths import PROJECT
from kerasbench.store.recorded import RecordedRun
from kerasbench.store.tracking import open_store


def test_the_cells_are_all_different_and_cover_the_recordings() -> None:
    cells = replaying.cells(350)
    assert len({(cell.recording, cell.model, cell.seed) for cell in cells}) == 350
    assert {cell.recording for cell in cells} == set(range(len(replaying.recordings()))) == set(range(7))
    assert (len({cell.model for cell in cells}), len({cell.seed for cell in cells})) == (10, 5)


def _replayed(folder: Path, tracking: TrackingConfig, cell: replaying.Cell, without: int | None) -> None:
    """Report a cell's metrics, but not those of an epoch, and without the speed."""
    folder.mkdir()
    with RecordedRun(folder, cell.name, {}, tracking, open_store(tracking), print) as run:
        for operation in replaying.recordings()[cell.recording]:
            if operation["op"] == "metrics" and operation["step"] != without:
                run.metrics(operation["metrics"], operation["step"])


@pytest.mark.slow
def test_what_is_lost_or_kept_twice_is_counted(store: str, tmp_path: Path) -> None:
    tracking = TrackingConfig(store, str(tmp_path / "artifacts"), "scale", 60.0, 0.0)
    whole, lacking, absent = replaying.cells(3)
    _replayed(tmp_path / "whole", tracking, whole, None)
    assert scale.lost(tracking, [whole]) == (0, 0)
    _replayed(tmp_path / "lacking", tracking, lacking, 2)
    assert scale.lost(tracking, [whole, lacking]) == (0, 1)
    steps = {step for values in replaying.expected(absent).values() for step, _ in values}
    assert scale.lost(tracking, [whole, lacking, absent]) == (1, 1 + len(steps))
    _replayed(tmp_path / "twice", tracking, whole, None)
    assert scale.lost(tracking, [whole])[0] == 1


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.xdist_group("postgres")
def test_sixteen_cells_eight_at_once_lose_nothing(postgres_server: str, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks.scale", "--cells", "16", "--workers", "8", "--uri", postgres_server]
    done = subprocess.run([*command, "--output", str(file)], cwd=PROJECT, capture_output=True, text=True, timeout=300)
    assert file.exists(), done.stdout + done.stderr
    figures = json.loads(file.read_text())
    assert done.returncode == (figures["report (s)"] > scale._REPORT_SECONDS)  # the machine may be busy
    assert (figures["cells"], figures["runs lost"], figures["reports lost"]) == (16, 0, 0)
    assert 0 < figures["log latency p50 (ms)"] <= figures["log latency p99 (ms)"]
    assert figures["events per second"] > 16
