"""One job of a command: a run, its place in its sweep, and its outcome."""

import contextlib
from dataclasses import replace
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.markup import escape

from kerasbench.config import composition
from kerasbench.jobs import launchers, objective
from kerasbench.jobs.place import Job, check_store, killed, outcome_file, this_job
from kerasbench.jobs.run import run
from kerasbench.jobs.summary import summarise
from kerasbench.process import interruption
from kerasbench.tasks.outcome import Outcome
from kerasbench.terminal import progress
from kerasbench.terminal.errors import UserError, one_line, reporting

composition.register()  # a launcher's other processes import this module, not the command line


def perform(composed: DictConfig) -> float:
    """Perform the run that Hydra composed, and return its objective.

    In a sweep, an error is stored in the job's outcome and the sweep continues. A single run exits with status 1.
    """
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    job = this_job(composed)
    if job.in_sweep:
        file = outcome_file(hydra.sweep.dir, job.sweep, hydra.job.num)
        killed(composed, job.variant).save(file)  # in case this process dies
        own_process = not launchers.one_by_one(hydra.launcher)
        with interruption.of_a_job() if own_process else contextlib.nullcontext():
            outcome = _outcome_in_sweep(composed, hydra.launcher, folder, job)
        outcome.save(file)
        progress.current(composed.quiet).job_ended()
    else:
        with reporting(), interruption.prevailing():
            config = composition.typed(composed)
            outcome = run(config, folder, job, progress.current(composed.quiet))
            progress.current().stop()
            finished = summarise([outcome], job.sweep, config, folder)
        if not finished:
            raise SystemExit(1)
    return objective.value(outcome, composed.objective, hydra.sweeper)


def _outcome_in_sweep(composed: DictConfig, launcher: DictConfig, folder: Path, job: Job) -> Outcome:
    """Perform the run; return any error as its outcome, so that the sweep continues."""
    shown = progress.current(composed.quiet)
    try:
        with interruption.prevailing():
            config = composition.typed(composed)
            check_store(config)
            with launchers.own_place(config, launcher) as own:
                return run(config, folder, replace(job, own=own), shown)
    except Exception as error:
        if not isinstance(error, UserError):
            shown.console.print_exception()
        shown.lasting(f"[red]error:[/] {escape(one_line(error))}")
        return killed(composed, job.variant, status="FAILED", failure=one_line(error))
