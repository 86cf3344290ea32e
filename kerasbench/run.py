"""One run, from top to bottom: environment, worker, data set, tracking."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf
from rich.console import Console

from kerasbench import config as configuration
from kerasbench import environments, hardware, stats
from kerasbench.config import Config
from kerasbench.outcome import Outcome
from kerasbench.progress import Announce, announcing
from kerasbench.telemetry import Nvml, Telemetry
from kerasbench.worker import protocol
from kerasbench.worker_process import WorkerDied, WorkerProcess, variables

if TYPE_CHECKING:
    from kerasbench.data import PreparedData
    from kerasbench.tracking import TrackedRun

_EPOCH_METRICS = ("epoch_seconds", "validation_seconds", "loss", "accuracy", "val_loss", "val_accuracy")


def run(config: Config, folder: Path, sweep: str, console: Console) -> Outcome:
    """Train what the configuration says, and keep it in MLflow; a run that fails is recorded and returned as failed.

    Args:
        config: the run.
        folder: where this job's files, the worker's log first, are written.
        sweep: an id that all runs of one command share.
        console: where the run's progress is told.

    Raises:
        UserError: something that no run can be recorded for: a missing interpreter, an unusable store or data set.
    """
    announce = announcing(console, f"{config.backend.name} · {config.model.name}")
    environment = environments.provision(config.backend, Path(config.environments.folder), announce)
    outcome = Outcome(config.backend.name, config.model.name, config.seed)
    threads = config.trainer.threads or hardware.physical_cores()
    own = variables(environment.folder, config.backend.framework, threads, config.backend.variables)
    log = folder / "worker.log"
    with WorkerProcess(environment.python, own, log) as worker, Nvml() as nvml:
        # MLflow takes over a second to import: the worker's own imports go on meanwhile.
        from kerasbench.data import prepare
        from kerasbench.tracking import TrackedRun, open_store

        store = open_store(config.tracking)
        data = prepare(config.data)
        if data.note:
            announce(f"[yellow]{data.note}; training on the stand-in {data.name} instead")
        name = f"{config.backend.name} · {config.model.name} · seed {config.seed}"
        tags = _tags(config, data, sweep) | hardware.tags(nvml.gpus())
        with TrackedRun(store, name, tags) as tracked, Telemetry(worker.pid, nvml) as telemetry:
            outcome.run_id, outcome.experiment_id, outcome.data = tracked.run_id, tracked.experiment_id, data.name
            tracked.params(configuration.flat(config))
            tracked.dataset(data)
            tracked.text(OmegaConf.to_yaml(configuration.plain(config)), "config.yaml")
            tracked.artifact(environment.packages)
            worker.send("train", **_request(config, data))
            try:
                _follow(worker, telemetry, tracked, config, outcome, announce)
                outcome.status = "FINISHED"
            except WorkerDied as died:
                outcome.status, outcome.failure = "FAILED", str(died)
                announce(f"[red]failed: {died}[/] (log: {log})")
            finally:
                worker.end()
                tracked.metrics({"total_seconds": time.perf_counter() - worker.started})
                tracked.artifact(log)
            if outcome.failure:
                tracked.fail(outcome.failure)
    return outcome


def _tags(config: Config, data: "PreparedData", sweep: str) -> dict[str, str]:
    return {
        "backend": config.backend.name,
        "model": config.model.name,
        "data.name": data.name,
        "data.digest": data.digest,
        "data.source": data.source,
        "config.hash": configuration.digest(config),
        "sweep": sweep,
    }


def _request(config: Config, data: "PreparedData") -> dict[str, Any]:
    """Return what the worker is asked: plain JSON, all that it needs and nothing else."""
    model = configuration.plain(config)["model"]
    return {
        "model": {key: model[key] for key in ("module", "build")},
        "optimizer": model["optimizer"],
        "loss": model["loss"],
        "epochs": config.trainer.epochs,
        "batch_size": config.trainer.batch_size,
        "seed": config.seed,
        "seed_function": config.backend.seed_function,
        "fixes": config.backend.fixes,
        "data": {
            "path": data.path,
            "inputs": data.inputs,
            "classes": data.classes,
            "train_samples": config.data.train_samples,
            "test_samples": config.data.test_samples,
        },
    }


def _follow(
    worker: WorkerProcess,
    telemetry: Telemetry,
    tracked: "TrackedRun",
    config: Config,
    outcome: Outcome,
    announce: Announce,
) -> None:
    """Keep what the worker reports, as it reports it, until it has finished."""
    ready = worker.expect(protocol.READY)
    outcome.keras_version = ready["keras_version"]
    tracked.tags({f"{what}.version": ready[f"{what}_version"] for what in ("keras", "backend", "python")})
    tracked.metrics({"import_seconds": ready["import_seconds"]})
    announce(f"Keras {ready['keras_version']} on {config.backend.framework} {ready['backend_version']} is imported")

    built = worker.expect(protocol.BUILT)
    tracked.metrics({"build_seconds": built["build_seconds"]})

    for _ in range(config.trainer.epochs):
        epoch = worker.expect(protocol.EPOCH)
        metrics = {name: epoch[name] for name in _EPOCH_METRICS}
        metrics["examples_per_second"] = built["examples"] / epoch["epoch_seconds"]
        metrics |= telemetry.between(epoch["started_at"], epoch["ended_at"])
        tracked.metrics(metrics, step=epoch["epoch"])
        outcome.epoch_seconds.append(epoch["epoch_seconds"])
        outcome.last_epoch = metrics
        announce(
            f"epoch {epoch['epoch']}/{config.trainer.epochs}  {epoch['epoch_seconds']:.2f} s  "
            f"loss {epoch['loss']:.4f}  accuracy {epoch['accuracy']:.4f}  "
            f"val_loss {epoch['val_loss']:.4f}  val_accuracy {epoch['val_accuracy']:.4f}"
        )

    finished = worker.expect(protocol.FINISHED)
    tracked.metrics({"peak_rss_mib": finished["peak_rss_mib"], **stats.epoch_summary(outcome.epoch_seconds)})
