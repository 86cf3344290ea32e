"""One run, from top to bottom: environment, worker, data set, store."""

import os
import textwrap
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import OmegaConf

from kerasbench import environments
from kerasbench.config import identity, settings
from kerasbench.config.schema import Config, Task
from kerasbench.jobs.place import Job
from kerasbench.machine import hardware, provenance
from kerasbench.machine.gpus import Gpus
from kerasbench.machine.telemetry import Telemetry
from kerasbench.process.garbage import collect_again
from kerasbench.process.interruption import prevailing
from kerasbench.process.limits import Limits
from kerasbench.process.worker_process import start
from kerasbench.tasks.outcome import Outcome
from kerasbench.terminal.errors import RunFailed
from kerasbench.terminal.progress import Progress, Teller
from kerasbench.vocabulary import Tag

if TYPE_CHECKING:
    from kerasbench.data import PreparedData
    from kerasbench.tasks.session import Session

_LONGEST_TAG = 8000  # MLflow's limit


def run(config: Config, folder: Path, job: Job, progress: Progress) -> Outcome:
    """Perform the configured run and record it in MLflow; a run that fails is recorded and returned as failed.

    Args:
        config: the run.
        folder: the folder for this job's files, such as the worker's log.
        job: its place in its sweep.
        progress: shows its steps.

    Raises:
        UserError: no run can be recorded: an interpreter is missing, or the store or the data set is unusable.
    """
    outcome = Outcome(config.backend.name, config.model.name, config.seed, config.task.value, list(job.variant))
    announce = progress.announcing(f"{outcome.competitor} · {config.model.name}")
    progress.job_begins()
    environment = environments.provision(environments.Specification.of(config), announce)
    chosen = settings.resolve(config.backend, config.settings, config.model.convolutional)
    log = folder / "worker.log"
    weights, unable = _initial_weights(config, chosen, folder, job, announce)
    with Gpus(os.environ | chosen.variables) as gpus:
        others_on_gpus = sum(gpus.processes())  # before the worker is one of them
        announce(f"importing Keras on {config.backend.framework}")
        limits = Limits(config.trainer.stall_seconds, config.trainer.timeout_seconds)
        with start(environment.folder, config.backend, chosen, log, limits) as worker:
            # Import NumPy and MLflow, which takes seconds, while the worker imports Keras, loads the data and builds.
            from kerasbench.data import prepare
            from kerasbench.tasks import request, script

            data = None if config.script else prepare(config.data)
            kind, asked = request.of_task(config, chosen, data, weights)
            worker.send(kind, **asked)

            from kerasbench.store import notes
            from kerasbench.store.recorded import RecordedRun
            from kerasbench.store.sync import end_lost_runs
            from kerasbench.store.tracking import open_store
            from kerasbench.tasks.parity import Comparison, certify
            from kerasbench.tasks.reference import Reference
            from kerasbench.tasks.session import Session
            from kerasbench.tasks.training import train

            # A sweep has already opened its store. If it is unavailable now, this job must train all the same.
            store = None if job.in_sweep else open_store(config.tracking)
            if store:
                end_lost_runs(store)
            collect_again()
            if data and data.note:
                announce.warn(data.note)
            name = f"{outcome.competitor} · {config.model.name} · seed {config.seed}"
            tags = _tags(config, environment, data, job) | hardware.tags(gpus.gpus())
            tags |= provenance.tags(config.sweep.command)
            tags |= notes.of_run(config, environment, data, " ".join(job.variant))
            with (
                RecordedRun(folder, name, tags, config.tracking, store, announce.warn) as tracked,
                Telemetry(worker.pid, gpus, config.telemetry.interval_seconds) as telemetry,
                prevailing(),
            ):
                tracked.params(identity.flat(config))
                if data:
                    tracked.dataset(data)
                for own in filter(None, (config.script, config.model.file)):
                    tracked.artifact(Path(own))
                tracked.text(OmegaConf.to_yaml(identity.plain(config)), "config.yaml")
                tracked.artifact(environment.packages)
                session = Session(config, worker, tracked, outcome, announce)
                reference = Reference(config, chosen.threads, data, folder, job.sweep, announce)
                tasks = {
                    Task.train: partial(script.run if config.script else train, telemetry=telemetry),
                    Task.parity: partial(certify, comparison=Comparison(chosen, reference, weights)),
                }
                _perform(session, tasks[config.task], log, unable)
                if config.task is Task.train:  # the worker of parity's reference would count as noise
                    _report_noise(session, telemetry, others_on_gpus, job.own.contention)
                    _report_clock(session, telemetry)
                if outcome.failure:
                    tracked.fail(outcome.failure)
    outcome.run_id = tracked.run_id
    return outcome


def _initial_weights(
    config: Config, chosen: settings.Resolved, folder: Path, job: Job, announce: Teller
) -> tuple[Path | None, str]:
    """Return the file of initial weights, if the reference backend draws them, or why it cannot."""
    if not config.weights_from_reference:
        return None, ""
    from kerasbench.data import prepare
    from kerasbench.tasks.reference import Reference

    data = None if config.script else prepare(config.data)
    drawn_on = Reference(config, chosen.threads, data, folder, job.sweep, announce)
    try:
        return drawn_on.initial_weights(), ""
    except RunFailed as failed:
        return None, str(failed)


def _perform(session: "Session", task: Callable[["Session"], None], log: Path, unable: str) -> None:
    """Perform the task, unless it cannot be, and always record its outcome and the worker's log."""
    try:
        if unable:
            raise RunFailed(unable)
        task(session)
        session.outcome.status = "FINISHED"
    except RunFailed as failed:
        session.outcome.status, session.outcome.failure = "FAILED", str(failed)
        session.announce.warn(f"failed: {failed} (log: {log})", style="red")
    finally:
        session.worker.end()
        session.tracked.artifact(log)


def _report_noise(session: "Session", telemetry: Telemetry, others_at_its_start: int, contention: str) -> None:
    if contention:  # intended: to run it again would not help
        session.tracked.tags({Tag.NOISE: contention})
        return
    others = max(others_at_its_start, telemetry.others_on_gpus)
    on_gpus = f"{others} other processes computed on the GPUs" if others else None
    noise = "; ".join(filter(None, [telemetry.noise(), on_gpus]))
    if noise:
        session.outcome.noise = noise
        session.tracked.tags({Tag.NOISE: noise})
        session.announce.warn(f"noise: {noise}; this run's times are unreliable: remove the cause and run again")


def _report_clock(session: "Session", telemetry: Telemetry) -> None:
    jump = telemetry.clock_jump()
    if jump:
        session.tracked.tags({Tag.CLOCK: jump})
        session.announce.warn(f"{jump}; timestamps in the store are affected, durations are not")


def _tags(
    config: Config, environment: environments.Environment, data: "PreparedData | None", job: Job
) -> dict[str, str]:
    packages, chosen = environment.packages.read_text(encoding="utf-8"), config.environments
    pinned = not (chosen.use or chosen.extra or chosen.requirements)
    tags = {
        Tag.TASK: config.task.value,
        Tag.BACKEND: config.backend.name,
        Tag.MODEL: config.model.name,
        Tag.DATA_NAME: data.name if data else config.data.name,
        Tag.DATA_DIGEST: data.digest if data else "",
        Tag.DATA_SOURCE: data.source if data else "",
        Tag.CONFIG_HASH: identity.digest(config),
        Tag.COMPARISON_HASH: identity.comparison(config, job.variant),
        Tag.MEASUREMENT: str(identity.MEASUREMENT),
        Tag.BUILD: (config.backend.build or "") if config.backend.on_gpu else "",
        Tag.ENVIRONMENT: identity.environment(config.backend, environment.proof, packages),
        Tag.PACKAGES: "" if pinned else textwrap.shorten(packages, _LONGEST_TAG, placeholder=" ..."),
        Tag.SWEEP: job.sweep,
        Tag.CELLS: config.sweep.cells or "",
        Tag.SWEEP_OWNER: config.sweep.owner or "",
        Tag.OWN_CPUS: _ranges(job.own.cpus or ()),
        Tag.OWN_GPU: job.own.gpu or "",
        Tag.VARIANT: " ".join(job.variant),
        Tag.COMPETITOR: " · ".join(filter(None, [config.backend.name, " ".join(job.variant)])),
        Tag.LABEL: config.label or "",
    }
    return {name: value for name, value in tags.items() if value}


def _ranges(numbers: Iterable[int]) -> str:
    """Return numbers as Linux writes a list of processors: 0-3,8."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        first = found.pop()[0] if found and found[-1][1] == number - 1 else number
        found.append((first, number))
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in found)
