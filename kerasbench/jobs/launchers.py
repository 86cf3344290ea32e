"""Launchers that run several jobs at once: each job must have cores and a GPU of its own to be a fair measurement."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from omegaconf import DictConfig

from kerasbench.config import command_line, extras
from kerasbench.config.schema import Config
from kerasbench.machine import allocation, hardware
from kerasbench.terminal.errors import UserError

_BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
_SLURM, _LOCAL = "hydra_plugins.submitit_jobs.Slurm", "hydra_plugins.submitit_jobs.Local"
_JOBLIB = "hydra_plugins.joblib_jobs.Joblib"
_EXTRAS = {_SLURM: "slurm", _LOCAL: "slurm", _JOBLIB: "joblib"}
_AT_ONCE = {_LOCAL: "array_parallelism", _JOBLIB: "n_jobs"}  # the key that says how many jobs run at once
_CONSENT = "launcher.allow_contention=true runs them all the same, tagged as noise, so that they are not judged"


@dataclass(frozen=True)
class Share:
    """What each of the jobs that run at once on this machine gets of it.

    Attributes:
        cores: its physical cores; None: it shares them, or has those that the launcher gives it.
        gpu: whether it has one GPU of several.
        contention: what it shares, in words; empty if nothing.
    """

    cores: int | None = None
    gpu: bool = False
    contention: str = ""


def one_by_one(launcher: DictConfig) -> bool:
    """Return whether the jobs run one after the other in the command's own process."""
    return bool(launcher._target_ == _BASIC)


def on_this_machine(launcher: DictConfig) -> bool:
    """Return whether the jobs run on the command's machine."""
    return launcher._target_ in (_BASIC, *_AT_ONCE)


def check(master: DictConfig) -> None:
    """Check the chosen launcher.

    Raises:
        UserError: its extra or Slurm is missing, or settings have no effect with it.
    """
    target = master.hydra.launcher._target_
    if target in _EXTRAS:
        extras.check(_EXTRAS[target], f"hydra/launcher={master.hydra.runtime.choices['hydra/launcher']}")
    if target == _SLURM and not shutil.which("sbatch"):
        raise UserError("hydra/launcher=slurm submits jobs by sbatch, which is not on the PATH of this machine")
    given = [one for one in command_line.overrides(master.hydra) if one.lstrip("+").startswith("launcher.")]
    if given and one_by_one(master.hydra.launcher):
        raise UserError(f"{given[0]} has no effect with jobs that run one by one: add hydra/launcher=joblib or another")


def warnings(launcher: DictConfig, choices: Sequence[Config]) -> list[str]:
    """Return, in a line each, what is likely to go wrong with the jobs of a launcher."""
    files = sorted({one.tracking.uri for one in choices if one.tracking.uri.startswith("sqlite:")})
    if on_this_machine(launcher) or not files:
        return []
    return [f"{files[0]} is a file, which jobs on several machines can damage: set MLFLOW_TRACKING_URI to a server"]


def share(master: DictConfig, choices: Sequence[Config], jobs: int) -> Share:
    """Divide this machine among the jobs that run on it at once, and fill in how many these are.

    Args:
        master: the sweep's configuration.
        choices: the configurations that it varies.
        jobs: their number.

    Raises:
        UserError: jobs would share cores or a GPU, and the user does not allow it.
    """
    launcher, asked = master.hydra.launcher, master.launcher
    key = _AT_ONCE.get(launcher._target_)
    if key is None:
        return Share(asked.cores)
    cores = hardware.physical_cores()
    needs_gpu = any(one.backend.on_gpu for one in choices)
    most_devices = max((one.settings.devices for one in choices if one.backend.on_gpu), default=1)
    if most_devices > 1:
        raise UserError(
            f"settings.devices={most_devices}: with {launcher._target_.rpartition('.')[2]} each job has one GPU; leave "
            "hydra/launcher= out"
        )
    gpus = len(allocation.gpus()) if needs_gpu else 0
    fitting = min(gpus, cores) if needs_gpu else cores
    at_once = max(1, min(_number(f"hydra.launcher.{key}", launcher[key], cores) or fitting, jobs // master.repeats))
    own = asked.cores or max(1, cores // at_once)
    lacking = [f"{at_once * own} cores, and this machine has {cores}"] if at_once * own > cores else []
    if needs_gpu and at_once > gpus:
        lacking.append(f"{at_once} GPUs, and this machine has {gpus}")
    contention = f"{at_once} jobs at once would need {'; '.join(lacking)}" if lacking else ""
    if contention and not asked.allow_contention:
        most = max(1, min(fitting, cores // (asked.cores or 1)))
        raise UserError(f"{contention}: hydra.launcher.{key}={most} gives each its own; {_CONSENT}")
    launcher[key] = at_once
    return Share(None if at_once * own > cores else own, needs_gpu and at_once <= gpus, contention)


def _number(key: str, asked: object, cores: int) -> int | None:
    """Return how many jobs the user asks for; a negative number counts down from all cores, as in joblib."""
    if asked is None:
        return None
    if not isinstance(asked, int) or isinstance(asked, bool) or asked == 0:
        raise UserError(f"{key}={asked} must be a number of jobs, such as 2")
    return asked if asked > 0 else max(1, cores + 1 + asked)


@contextlib.contextmanager
def own_place(config: Config, launcher: DictConfig) -> Iterator[allocation.Own]:
    """Give a job its own cores and its own GPU until the block ends.

    Raises:
        UserError: they are not free, and the user does not allow contention.
    """
    if one_by_one(launcher):
        yield allocation.Own()
        return
    asked, on_gpu = config.launcher, config.backend.on_gpu
    if launcher._target_ == _SLURM:
        wanted = allocation.of_slurm(os.environ, asked.cores, on_gpu)
    else:
        wanted = allocation.Wanted(asked.cores or (0 if asked.contention else hardware.physical_cores()), on_gpu)
    with contextlib.ExitStack() as held:
        try:
            own = held.enter_context(allocation.claimed(Path(asked.locks), wanted))
        except OSError as error:
            raise UserError(
                f"launcher.locks={asked.locks} cannot be used ({error}): name a folder on the machine's own disk"
            ) from error
        if own.contention and not (asked.allow_contention or asked.contention):
            raise UserError(f"{own.contention}: wait for them, or run fewer jobs at once; {_CONSENT}")
        told = "; ".join(filter(None, [asked.contention, own.contention]))
        yield replace(own, cpus=own.cpus or hardware.bound(), contention=told)
