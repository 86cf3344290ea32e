"""Gives a job its own cores and its own GPU on a machine that several jobs use at once, by locks of files.

A lock belongs to a process, and the kernel releases it when the process ends, however it ends. The folder of the locks
is on the machine's own disk. Jobs that do not ask for claims, and other programs, are not kept away: the telemetry
reports them as noise.
"""

import contextlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from kerasbench.machine import hardware
from kerasbench.machine.nvml import Nvml

_DEVICES, _ORDER = "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"


@dataclass(frozen=True)
class Own:
    """What a job has for itself.

    Attributes:
        cpus: logical processors; None: it shares all of them.
        gpu: as CUDA_VISIBLE_DEVICES names it; None: it shares all that are visible, or needs none.
        contention: what it shares with other jobs, in words; empty if nothing.
    """

    cpus: frozenset[int] | None = None
    gpu: str | None = None
    contention: str = ""


@dataclass(frozen=True)
class Wanted:
    """What a job needs for itself.

    Attributes:
        cores: physical cores; 0: none need be its own.
        gpu: whether it computes on a GPU.
    """

    cores: int
    gpu: bool


def of_slurm(variables: Mapping[str, str], asked: int | None, gpu: bool) -> Wanted:
    """Return what a job of Slurm still has to claim; nothing that Slurm itself keeps others away from.

    Slurm binds a job to its cores only with its plugins task/affinity or task/cgroup, and names its GPUs only where
    they are generic resources (gres.conf).

    Args:
        variables: the job's environment.
        asked: the number of cores that the user asks for, if any.
        gpu: whether the job computes on a GPU.
    """
    pool = hardware.cores()
    per_core = max(map(len, pool), default=1)
    cpus = int(variables.get("SLURM_CPUS_PER_TASK") or variables.get("SLURM_CPUS_ON_NODE") or 0)
    cores = asked or math.ceil(cpus / per_core) or len(pool)
    given = any(variables.get(name) for name in ("SLURM_STEP_GPUS", "SLURM_JOB_GPUS"))
    return Wanted(0 if hardware.bound() else cores, gpu and not given)


def gpus(variables: Mapping[str, str] = os.environ) -> list[str]:
    """Return the visible GPUs, each as CUDA_VISIBLE_DEVICES names it."""
    asked = variables.get(_DEVICES)
    if asked is not None and "MIG-" in asked:
        return [name.strip() for name in asked.split(",")]
    with Nvml(variables) as nvml:
        count = len(nvml.gpus())
    names = [str(number) for number in range(count)] if asked is None else asked.split(",")
    return [name.strip() for name in names[:count]]


@contextlib.contextmanager
def claimed(locks: Path, wanted: Wanted) -> Iterator[Own]:
    """Claim what a job needs until the block ends: its threads and child processes run on its cores and its GPU only.

    What is not free is shared instead, and named.
    """
    locks.mkdir(parents=True, exist_ok=True)
    pool, devices = hardware.cores()[: hardware.physical_cores()], gpus() if wanted.gpu else []
    with contextlib.ExitStack() as held:
        with FileLock(locks / "choosing.lock"):  # one job at a time, so that two do not take half each
            cores = _free(locks, ["core-" + "-".join(map(str, core)) for core in pool], wanted.cores, held)
            device = _free(locks, [f"gpu-{name.replace(os.sep, '_')}" for name in devices], int(wanted.gpu), held)
        missing = []
        if len(cores) < wanted.cores or (wanted.cores and not hasattr(os, "sched_setaffinity")):
            missing.append(f"{wanted.cores} of its {len(pool)} cores")
            cores = []
        if len(device) < wanted.gpu:
            missing.append(f"a GPU of its {len(devices)}")
        cpus = frozenset(cpu for number in cores for cpu in pool[number])
        gpu = devices[device[0]] if device else None
        shared = f"other jobs use this machine, and {' and '.join(missing)} are not free" if missing else ""
        with _bound(cpus), _visible(gpu):
            yield Own(cpus or None, gpu, shared)


def _free(locks: Path, names: Sequence[str], wanted: int, held: contextlib.ExitStack) -> list[int]:
    """Lock the first free ones, and return their places; none if there are not enough."""
    found: list[int] = []
    with contextlib.ExitStack() as taken:
        for place, name in enumerate(names):
            if len(found) == wanted:
                break
            with contextlib.suppress(Timeout):
                taken.enter_context(FileLock(locks / f"{name}.lock", blocking=False))
                found.append(place)
        if len(found) < wanted:
            return []
        held.push(taken.pop_all())
    return found


@contextlib.contextmanager
def _bound(cpus: frozenset[int]) -> Iterator[None]:
    if not cpus:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def _visible(gpu: str | None) -> Iterator[None]:
    """Show only one GPU to child processes, numbered as NVML does."""
    names = (_DEVICES, _ORDER)
    before = {name: os.environ.get(name) for name in names}
    if gpu is not None:
        os.environ[_DEVICES] = gpu
        os.environ.setdefault(_ORDER, "PCI_BUS_ID")
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
