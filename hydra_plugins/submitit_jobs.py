"""Launchers of submitit, for Slurm and for processes of this machine, whose jobs end in order, and are shown."""

import contextlib
import functools
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from kerasbench.jobs.other_processes import Jobs, refresh
from kerasbench.process.interruption import uninterrupted
from kerasbench.terminal.errors import UserError

_DEVICES = "CUDA_VISIBLE_DEVICES"
_LOOK_SECONDS = 1.0
_ASK_SECONDS = 5.0  # how often Slurm's controller is asked
_GRACE_SECONDS = 60.0  # for jobs to record that they were interrupted; Slurm's KillWait is 30 s


class _Submitit(Launcher):
    """Submits each batch of jobs, and waits until all of them have ended, however they end.

    Hydra's own launcher stops waiting at the first job that was cancelled, and never cancels any.
    """

    executor: ClassVar[str]

    def __init__(self, submitit_folder: str, array_parallelism: int, **options: Any) -> None:
        """Take submitit's options."""
        self._folder, self._at_once = submitit_folder, array_parallelism
        self._options = {
            key: OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
            for key, value in options.items()
            if value is not None
        }

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Prepare what a job's process calls: Hydra's own launcher."""
        from hydra_plugins.hydra_submitit_launcher import submitit_launcher  # of an optional extra

        self._config, self._loader = config, hydra_context.config_loader
        self._job = submitit_launcher.BaseSubmititLauncher()
        self._job.setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run a batch of jobs, and wait for all of them."""
        setup_globals()
        jobs = Jobs(self._config, self._loader, job_overrides, initial_job_idx)
        submitted: dict[int, Any] = {}
        with jobs.shown():
            try:
                self._run(jobs, submitted)
            except BaseException:
                self._cancel(list(submitted.values()))
                raise
        return [jobs.returned(number, functools.partial(_why, job)) for number, job in submitted.items()]

    def _run(self, jobs: Jobs, submitted: dict[int, Any]) -> None:
        """Submit the jobs, note each in `submitted`, and wait until all have ended."""
        waiting, running = list(jobs.overrides.items()), list[Any]()
        while waiting or running:
            some = waiting[: self._room(running, waiting)]
            waiting = waiting[len(some) :]
            if some:
                with uninterrupted():  # a job that was submitted but not noted would not be cancelled
                    own = self._submit(dict(some))
                    submitted |= zip(dict(some), own, strict=True)
                running += own
            time.sleep(_LOOK_SECONDS)
            running = self._running(running) if running else []

    def _room(self, running: Sequence[Any], waiting: Sequence[Any]) -> int:
        """Return how many more jobs may be submitted."""
        return len(waiting)

    def _executor(self) -> Any:
        import submitit

        # A job whose time is over is not run again: it would not end then, either.
        executor = submitit.AutoExecutor(folder=self._folder, cluster=self.executor, slurm_max_num_timeout=0)
        known = {"name", "timeout_min", "mem_gb", "cpus_per_task", "gpus_per_node", "nodes", "tasks_per_node"}
        executor.update_parameters(**{
            key if key in known else f"{self.executor}_{key}": value for key, value in self._options.items()
        })  # fmt: skip
        return executor

    def _submit(self, jobs: Mapping[int, list[str]]) -> list[Any]:
        state = Singleton.get_state()
        arguments = [(job, "hydra.sweep.dir", number, str(number), state) for number, job in jobs.items()]
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        try:
            return list(self._executor().map_array(self._called(), *zip(*arguments, strict=True)))
        except (FailedJobError, FailedSubmissionError) as error:
            raise UserError(f"the jobs cannot be submitted: {' '.join(str(error).split())}") from error

    def _called(self) -> Callable[..., JobReturn]:
        """Return what a job's process calls."""
        job: Callable[..., JobReturn] = self._job
        return job

    def _running(self, submitted: Sequence[Any]) -> list[Any]:
        raise NotImplementedError

    def _cancel(self, submitted: Sequence[Any]) -> None:
        """End the jobs, and let them record that they are interrupted."""
        raise NotImplementedError


class Local(_Submitit):
    """Runs jobs in processes of their own on this machine."""

    executor = "local"

    def _room(self, running: Sequence[Any], waiting: Sequence[Any]) -> int:
        return self._at_once - len(running)

    def _submit(self, jobs: Mapping[int, list[str]]) -> list[Any]:
        with _deaf_to_ctrl_c():  # the processes inherit it
            return super()._submit(jobs)

    def _called(self) -> Callable[..., JobReturn]:
        return functools.partial(_seeing, os.environ.get(_DEVICES), self._job)

    def _running(self, submitted: Sequence[Any]) -> list[Any]:
        return [job for job in submitted if not job.done()]

    def _cancel(self, submitted: Sequence[Any]) -> None:
        for job in self._running(submitted):
            job._process.terminate()  # hands SIGTERM on to the job; `cancel` kills it after a second
        deadline = time.monotonic() + _GRACE_SECONDS
        while self._running(submitted) and time.monotonic() < deadline:
            time.sleep(0.1)


class Slurm(_Submitit):
    """Runs jobs on the nodes of a cluster of Slurm."""

    executor = "slurm"

    def __init__(self, array_parallelism: int, **options: Any) -> None:
        """Take submitit's options, and sbatch's."""
        super().__init__(array_parallelism=array_parallelism, **options)
        self._options["array_parallelism"] = array_parallelism
        self._asked_at = 0.0

    def _running(self, submitted: Sequence[Any]) -> list[Any]:
        """Return the jobs that have not ended: without a result, and known to Slurm's controller.

        squeue works without accounting, which sacct, submitit's own way, needs.
        """
        refresh(submitted[0].paths.folder)
        left = [job for job in submitted if not job.paths.result_pickle.exists()]
        if not left or time.monotonic() - self._asked_at < _ASK_SECONDS:
            return left
        self._asked_at = time.monotonic()
        known = _queued({job.job_id.partition("_")[0] for job in left})
        return left if known is None else [job for job in left if job.job_id in known]

    def _cancel(self, submitted: Sequence[Any]) -> None:
        ids = sorted({job.job_id.partition("_")[0] for job in submitted})
        subprocess.run(["scancel", *ids], check=False)
        deadline = time.monotonic() + _GRACE_SECONDS
        while _queued(set(ids)) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)


def _seeing(devices: str | None, job: Callable[..., JobReturn], *arguments: Any) -> JobReturn:
    """Run a job with the command's GPUs, which submitit's local executor hides."""
    os.environ.pop(_DEVICES, None)
    if devices is not None:
        os.environ[_DEVICES] = devices
    return job(*arguments)


def _why(job: Any) -> str:
    """Return why a job ended early: the last line that it or Slurm wrote."""
    lines = (job.stderr() or "").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "its process was ended")
    return f"{last} ({job.paths.stderr})"


def _queued(ids: set[str]) -> set[str] | None:
    """Return which jobs of some arrays are pending, running or ending; None if the controller does not answer."""
    command = ["squeue", "--noheader", "--array", "--format=%i", f"--jobs={','.join(sorted(ids))}"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    if asked.returncode and "Invalid job id" not in asked.stderr:  # all of them have long ended
        return None
    return set(asked.stdout.split())


@contextlib.contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
