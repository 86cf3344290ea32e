"""One run, from top to bottom: environment, worker, data set, tracking."""

import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import OmegaConf

from kerasbench import environments
from kerasbench.config import identity, settings
from kerasbench.config.schema import Config, Task
from kerasbench.machine import hardware, provenance
from kerasbench.machine.nvml import Nvml
from kerasbench.machine.telemetry import Telemetry
from kerasbench.process.worker_process import start
from kerasbench.tasks.outcome import Job, Outcome
from kerasbench.terminal.errors import RunFailed
from kerasbench.terminal.progress import Progress
from kerasbench.vocabulary import Tag

if TYPE_CHECKING:
    from kerasbench.data import PreparedData
    from kerasbench.tasks.session import Session


def run(config: Config, folder: Path, job: Job, progress: Progress) -> Outcome:
    """Do what the configuration says, and keep it in MLflow; a run that fails is recorded and returned as failed.

    Args:
        config: the run.
        folder: where this job's files, the worker's log first, are written.
        job: its place in its sweep.
        progress: where what goes on is told.

    Raises:
        UserError: something that no run can be recorded for: a missing interpreter, an unusable store or data set.
    """
    outcome = Outcome(config.backend.name, config.model.name, config.seed, config.task.value, list(job.variant))
    announce = progress.announcing(f"{outcome.competitor} · {config.model.name}")
    progress.job_begins()
    environment = environments.provision(config.backend, Path(config.environments.folder), announce)
    chosen = settings.resolve(config.backend, config.settings, config.model.convolutional)
    log = folder / "worker.log"
    with Nvml(os.environ | chosen.variables) as nvml:
        others_on_gpus = sum(nvml.processes())  # before the worker is one of them
        announce(f"importing Keras on {config.backend.framework}")
        with start(environment.folder, config.backend, chosen, log) as worker:
            # The worker imports, loads and builds while NumPy and then MLflow, which takes seconds, are imported here.
            from kerasbench.data import prepare
            from kerasbench.tasks import request

            data = prepare(config.data)
            kind, asked = request.of_task(config, chosen, data)
            worker.send(kind, **asked)

            from kerasbench.store import notes
            from kerasbench.store.tracking import TrackedRun, open_store
            from kerasbench.tasks.parity import certify
            from kerasbench.tasks.session import Session
            from kerasbench.tasks.training import train

            store = open_store(config.tracking)
            gc.freeze()  # what has been imported stays
            gc.enable()
            if data.note:
                announce.warn(f"{data.note}; training on the stand-in {data.name} instead")
            name = f"{outcome.competitor} · {config.model.name} · seed {config.seed}"
            tags = _tags(config, data, job) | hardware.tags(nvml.gpus()) | provenance.tags()
            tags |= notes.of_run(config, environment, data, " ".join(job.variant))
            with (
                TrackedRun(store, name, tags) as tracked,
                Telemetry(worker.pid, nvml, config.telemetry.interval_seconds) as telemetry,
            ):
                outcome.run_id, outcome.experiment_id = tracked.run_id, tracked.experiment_id
                tracked.params(identity.flat(config))
                tracked.dataset(data)
                tracked.text(OmegaConf.to_yaml(identity.plain(config)), "config.yaml")
                tracked.artifact(environment.packages)
                session = Session(
                    config, chosen, data, worker, asked, telemetry, tracked, outcome, announce, folder, job
                )
                _perform(session, {Task.train: train, Task.parity: certify}[config.task], log)
                if config.task is Task.train:  # parity's reference, another worker, would be noise
                    _tell_noise(session, others_on_gpus)
                if outcome.failure:
                    tracked.fail(outcome.failure)
    return outcome


def _perform(session: "Session", task: Callable[["Session"], None], log: Path) -> None:
    """Do the task, and keep how it ended, and what the worker said, whatever happens."""
    try:
        task(session)
        session.outcome.status = "FINISHED"
    except RunFailed as failed:
        session.outcome.status, session.outcome.failure = "FAILED", str(failed)
        session.announce.warn(f"failed: {failed} (log: {log})", style="red")
    finally:
        session.worker.end()
        session.tracked.artifact(log)


def _tell_noise(session: "Session", others_at_its_start: int) -> None:
    others = max(others_at_its_start, session.telemetry.others_on_gpus)
    on_gpus = f"{others} other processes computed on the GPUs" if others else None
    noise = "; ".join(filter(None, [session.telemetry.noise(), on_gpus]))
    if noise:
        session.tracked.tags({Tag.NOISE: noise})
        session.announce.warn(f"noise: {noise}; the times of this run are not to be trusted")


def _tags(config: Config, data: "PreparedData", job: Job) -> dict[str, str]:
    tags = {
        Tag.TASK: config.task.value,
        Tag.BACKEND: config.backend.name,
        Tag.MODEL: config.model.name,
        Tag.DATA_NAME: data.name,
        Tag.DATA_DIGEST: data.digest,
        Tag.DATA_SOURCE: data.source,
        Tag.CONFIG_HASH: identity.digest(config),
        Tag.COMPARISON_HASH: identity.comparison(config, job.variant),
        Tag.SWEEP: job.sweep,
        Tag.VARIANT: " ".join(job.variant),
        Tag.COMPETITOR: " · ".join(filter(None, [config.backend.name, " ".join(job.variant)])),
        Tag.LABEL: config.label or "",
    }
    return {name: value for name, value in tags.items() if value}
