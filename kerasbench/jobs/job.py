"""What train.py does around a run: one job of a sweep, or the only one."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from rich.markup import escape

from kerasbench.config import composition
from kerasbench.jobs import sweep
from kerasbench.jobs.run import run
from kerasbench.jobs.summary import summarise
from kerasbench.process.garbage import uncollected
from kerasbench.process.interruption import interruptible
from kerasbench.tasks.outcome import Outcome
from kerasbench.terminal import progress
from kerasbench.terminal.errors import UserError, one_line, reporting


@contextlib.contextmanager
def running() -> Iterator[None]:
    """Tell errors in one line, and let SIGTERM end a run as Ctrl-C does: its worker ended, the run KILLED."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises its errors here instead of printing them in many lines
    told = "interrupted: no worker is left running; the run that was going on is kept as KILLED"
    with interruptible(told), uncollected(), reporting():
        try:
            yield
        finally:
            progress.current().stop()


def job(composed: DictConfig) -> float:
    """Do the run that Hydra composed, and return its objective.

    In a sweep, what goes wrong is kept in the job's outcome and the sweep goes on. A single run exits with status 1.
    """
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    if hydra.mode is RunMode.MULTIRUN:
        outcome = _outcome_in_sweep(composed, folder)
        outcome.save(folder)
        progress.current().job_ended()
    else:
        with reporting():
            config = composition.typed(composed)
            outcome = run(config, folder, sweep.this_job(), progress.current())
            progress.current().stop()
            finished = summarise([outcome], sweep.sweep_id(), config, folder)
        if not finished:
            raise SystemExit(1)
    return outcome.objective(composed.objective)


def _outcome_in_sweep(composed: DictConfig, folder: Path) -> Outcome:
    """Do the run; return what goes wrong, whatever it is, as its outcome, for the other jobs must have their turn."""
    try:
        return run(composition.typed(composed), folder, sweep.this_job(), progress.current())
    except Exception as error:
        if not isinstance(error, UserError):
            progress.current().console.print_exception()
        progress.current().lasting(f"[red]error:[/] {escape(one_line(error))}")
        return Outcome(
            composed.backend.name,
            composed.model.name,
            composed.seed,
            composed.task.value,
            list(sweep.this_job().variant),
            "FAILED",
            one_line(error),
        )
