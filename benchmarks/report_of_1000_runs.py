"""Creates a store of 1,000 runs with 20 epochs each, and measures its report: seconds, peak memory, size of the page.

python -m benchmarks.report_of_1000_runs [--runs N] [--epochs N] [--repeat N] [--folder DIR] [--server]

The time is that of the fastest of several reports, because other processes can only slow a report down.
"""

import argparse
import math
import random
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlMetric, SqlParam, SqlRun, SqlTag
from sqlalchemy import create_engine, insert

from kerasbench.config.schema import TrackingConfig
from kerasbench.paths import PROJECT
from kerasbench.store.tracking import open_store
from tests.deployment import postgres

# Epoch time as a multiple of the fastest backend's, and seconds of compilation in the first epoch; all invented.
BACKENDS = {
    "jax": (1.0, 2.0),
    "tensorflow": (1.7, 3.0),
    "tensorflow1": (1.75, 2.0),
    "torch": (2.3, 0.4),
    "cntk": (3.8, 1.0),
    "theano": (4.5, 12.0),
    "mxnet": (5.3, 1.5),
}
# Seconds per epoch of the fastest backend, and the final accuracy.
MODELS = {
    "mnist_mlp": (2.0, 0.982),
    "mnist_cnn": (14.0, 0.991),
    "mnist_hierarchical_rnn": (31.0, 0.984),
    "cifar10_cnn": (42.0, 0.74),
    "babi_rnn": (1.4, 0.36),
    "babi_rnn_concat": (2.2, 0.37),
}
Rows = dict[type, list[dict[str, Any]]]


def fill(uri: str, folder: Path, runs: int, epochs: int, seed: int = 1) -> None:
    """Write runs of every backend and model, with as many seeds as needed.

    It writes directly to MLflow's tables: MLflow's calls take 170 ms per run, three minutes for 1,000.
    """
    _, experiment = open_store(TrackingConfig(uri, str(folder / "artifacts"), "keras-backends"))
    draw = random.Random(seed)
    cells = [(backend, model) for model in MODELS for backend in BACKENDS]
    rows: Rows = {table: [] for table in (SqlRun, SqlTag, SqlParam, SqlMetric, SqlLatestMetric)}
    for number in range(runs):
        backend, model = cells[number % len(cells)]
        params = _params(backend, model, 1 + number // len(cells), epochs)
        _add(rows, experiment, folder, params, _epochs(draw, backend, model, epochs))
    engine = create_engine(uri)
    with engine.begin() as connection:
        for table, values in rows.items():
            connection.execute(insert(table), values)
    engine.dispose()


def _params(backend: str, model: str, seed: int, epochs: int) -> dict[str, str]:
    """Return about as many settings as a real run has."""
    named = {
        "backend.name": backend,
        "model.name": model,
        "seed": str(seed),
        "trainer.epochs": str(epochs),
        "trainer.batch_size": "128",
        "trainer.init": "shared",
        "settings.threads": "2",
        "parity.tolerance": "0.0001",
    }
    return named | {f"model.build.option_{number}": "made up" for number in range(60)}


def _epochs(draw: random.Random, backend: str, model: str, epochs: int) -> list[dict[str, float]]:
    factor, compiling = BACKENDS[backend]
    fastest, ceiling = MODELS[model]
    speed = factor * fastest * draw.gauss(1, 0.02)
    rate, final = draw.uniform(0.5, 0.7), ceiling + draw.gauss(0, 0.001)
    found: list[dict[str, float]] = []
    elapsed = 4.5
    for epoch in range(1, epochs + 1):
        seconds = speed * draw.gauss(1, 0.01) + (compiling if epoch == 1 else 0)
        accuracy = final * (1 - 0.3 * math.exp(-rate * epoch)) + draw.gauss(0, 0.0007)
        found.append(
            {
                "epoch_seconds": seconds,
                "elapsed_seconds": elapsed + seconds,
                "validation_seconds": 0.1 * speed,
                "examples_per_second": 60_000 / seconds,
                "accuracy": accuracy,
                "val_accuracy": accuracy,
                "loss": 1 - accuracy,
                "val_loss": 1 - accuracy,
                "cpu_percent": 190.0,
                "rss_mib": 600.0 + 50 * factor,
            }
        )
        elapsed += seconds + found[-1]["validation_seconds"]
    return found


def _add(rows: Rows, experiment: str, folder: Path, params: dict[str, str], epochs: list[dict[str, float]]) -> None:
    run_id, now = uuid.uuid4().hex, int(time.time() * 1000)
    backend, model = params["backend.name"], params["model.name"]
    name = f"{backend} · {model} · seed {params['seed']}"
    rows[SqlRun].append(
        {
            "run_uuid": run_id,
            "name": name,
            "user_id": "made-up",
            "status": "FINISHED",
            "start_time": now,
            "end_time": now,
            "lifecycle_stage": "active",
            "artifact_uri": (folder / "artifacts" / run_id / "artifacts").as_uri(),
            "experiment_id": int(experiment),
        }
    )
    rows[SqlTag] += [{"run_uuid": run_id, "key": key, "value": value} for key, value in _tags(backend, model, name)]
    rows[SqlParam] += [{"run_uuid": run_id, "key": key, "value": value} for key, value in params.items()]
    values = [(step, key, value) for step, metrics in enumerate(epochs, 1) for key, value in metrics.items()]
    values += [(0, key, value) for key, value in _summary(epochs).items()]
    metrics = [
        {"run_uuid": run_id, "key": key, "value": value, "step": step, "timestamp": now + step, "is_nan": False}
        for step, key, value in values
    ]
    rows[SqlMetric] += metrics
    rows[SqlLatestMetric] += {metric["key"]: metric for metric in metrics}.values()


def _tags(backend: str, model: str, name: str) -> Iterator[tuple[str, str]]:
    yield from {
        "mlflow.runName": name,
        "task": "train",
        "backend": backend,
        "model": model,
        "keras.version": "3.15.1" if BACKENDS[backend][0] in (1.0, 1.7, 2.3) else "2.3.1",
        "backend.version": "1.0",
        "python.version": "3.11.7",
        "data.name": "made-up",
        "data.digest": f"digest-of-{model}",
        "data.source": "embedded",
        "hardware.cpu": "made up",
        "hardware.cores": "2",
        "hardware.memory_gib": "24",
        "hardware.gpu": "none",
        "hardware.fingerprint": "made-up",
        "comparison.hash": f"settings-of-{model}",
        "sweep": "made-up",
        "command": "python -m benchmarks.report_of_1000_runs",
        "in_force.threads": "2",
        "in_force.precision": "float32",
    }.items()


def _summary(epochs: list[dict[str, float]]) -> dict[str, float]:
    seconds = [epoch["epoch_seconds"] for epoch in epochs]
    steady = median(seconds[1:])
    return {
        "start_seconds": 0.2,
        "import_seconds": 2.5,
        "load_seconds": 0.3,
        "build_seconds": 0.4,
        "first_epoch_seconds": seconds[0],
        "steady_epoch_seconds": steady,
        "compile_seconds": max(0.0, seconds[0] - steady),
        "total_seconds": 4.5 + sum(seconds) + sum(epoch["validation_seconds"] for epoch in epochs),
        "peak_rss_mib": 1.1 * epochs[0]["rss_mib"],
        "parity_probe_loss": 2.3018,
        "parameters": 669_706.0,
    }


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=PROJECT, check=True)
    return time.perf_counter() - started


def main() -> None:
    """Create the store, make its report as a user would, and print time, memory and size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=3, help="reports to make; the fastest counts (default: 3)")
    parser.add_argument("--folder", type=Path, help="keep the store and the page here (default: delete them)")
    parser.add_argument("--server", action="store_true", help="read through MLflow on PostgreSQL (deploy/server.py)")
    options = parser.parse_args()
    with ExitStack() as stack:
        passing = stack.enter_context(tempfile.TemporaryDirectory())
        folder: Path = (options.folder or Path(passing)).resolve()
        database = uri = f"sqlite:///{folder}/mlruns/mlflow.db"
        if options.server:
            kept = stack.enter_context(postgres.folder())
            uri = stack.enter_context(postgres.running(kept))
            database = f"postgresql://mlflow@/mlflow?host={kept}/run"
        fill(database, folder, options.runs, options.epochs)
        print(f"made {options.runs} runs of {options.epochs} epochs")
        command = [sys.executable, "-m", "kerasbench.report", "--uri", uri, "--output", str(folder / "report")]
        seconds = min(_seconds(command) for _ in range(options.repeat))
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        size = (folder / "report" / "report.html").stat().st_size / 1e6
        print(f"{seconds:.1f} s, {peak:.0f} MiB at most, page of {size:.2f} MB")


if __name__ == "__main__":
    main()
