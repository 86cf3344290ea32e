"""Replays the recorded runs of a sweep as many cells at once, against MLflow on PostgreSQL: what is lost, and how fast.

python -m benchmarks.scale [--cells N] [--workers N] [--speed N] [--batch-seconds S] [--uri URI]

Each cell is a process of its own, which writes its record and hands it on to the store with the code of a real run.
Simulated are its worker, its telemetry and its driver's Hydra: what they reported when the runs were recorded is
reported again, so many times as fast.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy
import psutil

from benchmarks.replaying import Cell, Load, Replayed, cells, expected, replay_all
from kerasbench.config.schema import TrackingConfig
from kerasbench.paths import PROJECT
from kerasbench.store import reading
from kerasbench.store.tracking import open_store
from kerasbench.terminal.errors import UserError, reporting
from tests.deployment import postgres

_BATCH_SECONDS = 5.0  # conf/config.yaml's tracking.batch_seconds
_PATIENCE_SECONDS = 600.0
_REPORT_SECONDS = 10.0  # at most

Values = dict[str, dict[str, list[tuple[int, float]]]]  # by run and metric: (epoch, value), in order


def lost(tracking: TrackingConfig, replayed: Sequence[Cell]) -> tuple[int, int]:
    """Return how many runs are not in the store once, as FINISHED, and how many epochs it lacks or has twice."""
    client, experiment_id = open_store(tracking, artifacts=False)
    finished = reading.search(client, experiment_id, "attributes.status = 'FINISHED'")
    runs = {run.name: run.id for run in finished}
    kept: Values = defaultdict(lambda: defaultdict(list))
    wanted = {cell.name: expected(cell) for cell in replayed}
    for metric in {name for values in wanted.values() for name in values}:
        for run_id, _, step, value in reading.metric_values(client, list(runs.values()), metric):
            kept[run_id][metric].append((step, value))
    missing = [cell for cell in replayed if cell.name not in runs]
    twice = len(finished) - len(runs)
    steps = 0
    for cell in replayed:
        of_run = kept[runs.get(cell.name, "")]
        differing = {name for name, values in wanted[cell.name].items() if sorted(of_run[name]) != values}
        steps += len({step for name in differing for step, _ in set(wanted[cell.name][name]) ^ set(of_run[name])})
    return len(missing) + twice, steps


@contextmanager
def _server(uri: str | None, workers: int) -> Iterator[str]:
    if uri:
        yield uri
        return
    with postgres.folder() as folder, postgres.running(folder, "--workers", str(workers)) as address:
        yield address


def _cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    """Return the CPU time of some processes and everything below them, the ended included."""
    tree = [one for process in processes for one in (process, *process.children(recursive=True))]
    return sum(sum(one.cpu_times()[:4]) for one in tree)


def measure(load: Load, chosen: Sequence[Cell], at_once: int) -> tuple[list[Replayed], float]:
    """Replay cells; return what each has measured, and the CPU seconds of the server, 0 if it was not started here."""
    servers = psutil.Process().children()
    before = _cpu_seconds(servers)
    found = replay_all(load, chosen, at_once)
    return found, _cpu_seconds(servers) - before


def figures(found: Sequence[Replayed], load: Load, at_once: int, cpu: float) -> dict[str, float]:
    """Return the figures of the table but those of reading."""
    seconds = max(one.ended for one in found) - min(one.began for one in found)
    calls = [value for one in found for value in one.calls]
    delays = [value for one in found for value in one.delays]
    events = sum(one.events for one in found)
    return {
        "cells": len(found),
        "workers (cells at once)": at_once,
        "times as fast as recorded": load.speed,
        "batch_seconds": load.tracking.batch_seconds,
        "events": events,
        "seconds": seconds,
        "events per second": events / seconds,
        "log calls": len(calls),
        "log latency p50 (ms)": 1000 * float(numpy.quantile(calls, 0.5)),
        "log latency p99 (ms)": 1000 * float(numpy.quantile(calls, 0.99)),
        "report to store p50 (ms)": 1000 * float(numpy.quantile(delays, 0.5)),
        "report to store p99 (ms)": 1000 * float(numpy.quantile(delays, 0.99)),
        "server's load (cores)": cpu / seconds,
        "runs not handed on": sum(bool(one.problem) for one in found),
    }


def _report_seconds(tracking: TrackingConfig, folder: Path) -> float:
    command = [sys.executable, "-m", "kerasbench.report", "--uri", tracking.uri, "--experiment", tracking.experiment]
    began = time.perf_counter()
    subprocess.run([*command, "--output", str(folder)], cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    """Replay, check, make the report, and print the table; exit with 1 if anything is lost or the report is slow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=350)
    parser.add_argument("--workers", type=int, default=16, help="cells at once (default: 16)")
    parser.add_argument("--speed", type=float, default=50.0, help="times as fast as recorded (default: 50)")
    parser.add_argument(
        "--batch-seconds", type=float, help="tracking.batch_seconds (default: its default over --speed)"
    )
    parser.add_argument("--uri", help="a running MLflow server (default: deploy/server.py, in a passing folder)")
    parser.add_argument("--server-workers", type=int, default=2, help="MLflow's processes, without --uri (default: 2)")
    parser.add_argument("--output", type=Path, help="also write the figures to this file, as JSON")
    options = parser.parse_args()
    batch = _BATCH_SECONDS / options.speed if options.batch_seconds is None else options.batch_seconds
    with reporting(), ExitStack() as stack:
        if min(options.cells, options.workers, options.server_workers) < 1 or options.speed <= 0 or batch < 0:
            raise UserError("--cells, --workers, --server-workers and --speed are above 0, --batch-seconds not below")
        passing = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        uri = stack.enter_context(_server(options.uri, options.server_workers))
        experiment = f"scale {time.time_ns()}"
        load = Load(TrackingConfig(uri, "", experiment, _PATIENCE_SECONDS, batch), options.speed, passing)
        open_store(load.tracking)
        chosen = cells(options.cells)
        found, cpu = measure(load, chosen, options.workers)
        table = figures(found, load, options.workers, cpu)
        table["runs lost"], table["reports lost"] = lost(load.tracking, chosen)
        table["report (s)"] = _report_seconds(load.tracking, passing / "report")
        for one in found:
            if one.problem:
                print(f"{one.cell.name}: {one.problem}", file=sys.stderr)
    print("| figure | value |\n|---|---|")
    for name, value in table.items():
        print(f"| {name} | {value:,.{0 if float(value).is_integer() or value >= 100 else 2}f} |")
    if options.output:
        options.output.write_text(json.dumps(table))
    if table["runs lost"] or table["reports lost"] or table["report (s)"] > _REPORT_SECONDS:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
