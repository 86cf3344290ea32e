"""One run, from top to bottom: environment, worker, data set, tracking."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import OmegaConf
from rich.console import Console
from rich.markup import escape

from kerasbench import config as configuration
from kerasbench import environments, hardware
from kerasbench.config import Config, Task
from kerasbench.errors import RunFailed
from kerasbench.outcome import Outcome
from kerasbench.progress import announcing
from kerasbench.telemetry import Nvml, Telemetry
from kerasbench.worker_process import start

if TYPE_CHECKING:
    from kerasbench.data import PreparedData


def run(config: Config, folder: Path, sweep: str, console: Console) -> Outcome:
    """Do what the configuration says, and keep it in MLflow; a run that fails is recorded and returned as failed.

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
    outcome = Outcome(config.backend.name, config.model.name, config.seed, task=config.task.value)
    log = folder / "worker.log"
    with start(environment.folder, config.backend, config.trainer.threads, log) as worker, Nvml() as nvml:
        # MLflow takes over a second to import: the worker's own imports go on meanwhile.
        from kerasbench.data import prepare
        from kerasbench.parity import certify
        from kerasbench.session import Session
        from kerasbench.tracking import TrackedRun, open_store
        from kerasbench.training import train

        store = open_store(config.tracking)
        data = prepare(config.data)
        if data.note:
            announce(f"[yellow]{escape(data.note)}; training on the stand-in {data.name} instead")
        name = f"{config.backend.name} · {config.model.name} · seed {config.seed}"
        tags = _tags(config, data, sweep) | hardware.tags(nvml.gpus())
        with TrackedRun(store, name, tags) as tracked, Telemetry(worker.pid, nvml) as telemetry:
            outcome.run_id, outcome.experiment_id, outcome.data = tracked.run_id, tracked.experiment_id, data.name
            tracked.params(configuration.flat(config))
            tracked.dataset(data)
            tracked.text(OmegaConf.to_yaml(configuration.plain(config)), "config.yaml")
            tracked.artifact(environment.packages)
            session = Session(config, data, worker, telemetry, tracked, outcome, announce, folder, sweep)
            try:
                {Task.train: train, Task.parity: certify}[config.task](session)
                outcome.status = "FINISHED"
            except RunFailed as failed:
                outcome.status, outcome.failure = "FAILED", str(failed)
                announce(f"[red]failed: {escape(str(failed))}[/] (log: {escape(str(log))})")
            finally:
                worker.end()
                tracked.metrics({"total_seconds": time.perf_counter() - worker.started})
                tracked.artifact(log)
            if outcome.failure:
                tracked.fail(outcome.failure)
    return outcome


def _tags(config: Config, data: "PreparedData", sweep: str) -> dict[str, str]:
    return {
        "task": config.task.value,
        "backend": config.backend.name,
        "model": config.model.name,
        "data.name": data.name,
        "data.digest": data.digest,
        "data.source": data.source,
        "config.hash": configuration.digest(config),
        "sweep": sweep,
    }
