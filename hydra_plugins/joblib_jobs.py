"""Hydra's joblib launcher, whose jobs end in order, and are shown."""

import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import psutil
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from kerasbench.jobs.other_processes import Jobs
from kerasbench.process import interruption
from kerasbench.terminal import progress

_GRACE_SECONDS = 30.0  # for jobs to record that they were interrupted


class Joblib(Launcher):
    """Runs jobs in joblib's processes, which it uses again."""

    def __init__(self, **options: Any) -> None:
        """Take joblib's options."""
        self._options = options

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Prepare Hydra's own launcher."""
        from hydra_plugins.hydra_joblib_launcher.joblib_launcher import JoblibLauncher  # of an optional extra

        self._config, self._loader = config, hydra_context.config_loader
        self._launcher = JoblibLauncher(**self._options)
        self._launcher.setup(
            hydra_context=hydra_context, task_function=partial(_in_a_process, task_function), config=config
        )

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run a batch of jobs, and wait for all of them."""
        from joblib.externals.loky.process_executor import BrokenProcessPool

        jobs = Jobs(self._config, self._loader, job_overrides, initial_job_idx)
        try:
            with interruption.after(_end_processes), jobs.shown():
                self._launcher.launch(job_overrides, initial_job_idx=initial_job_idx)
        except BrokenProcessPool:  # joblib then ends the other jobs, too
            pass
        return [jobs.returned(number, _why) for number in jobs.overrides]


def _in_a_process(task_function: Callable[[Any], Any], config: Any) -> Any:
    """Perform a job in a process of joblib's; an interruption ends the process, which would take the next job."""
    if not progress.has_begun():
        progress.begin(1, quiet=True)  # the command shows the jobs; their warnings are shown all the same
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command ends this process
    try:
        return task_function(config)
    except KeyboardInterrupt:
        os._exit(130)


def _why() -> str:
    return "its process, or that of a job beside it, was killed"


def _end_processes() -> None:
    """Let the jobs record that they are interrupted, before joblib kills them."""
    processes = [one for one in psutil.Process().children() if "loky" in " ".join(one.cmdline())]
    for one in processes:
        one.terminate()
    psutil.wait_procs(processes, _GRACE_SECONDS)
