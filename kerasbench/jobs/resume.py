"""Continues an interrupted sweep: the same command again runs only the jobs that have not finished.

The store says what has finished, not an output folder. A job counts as finished if its sweep holds a FINISHED run of
the same configuration, data, environment, measurement version and hardware.
"""

import hashlib
import itertools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from kerasbench import environments
from kerasbench.config import identity
from kerasbench.config.builds import WITHOUT_GPU
from kerasbench.config.schema import CPU, Config
from kerasbench.jobs import configurations
from kerasbench.jobs.launchers import Share
from kerasbench.machine import hardware
from kerasbench.machine.gpus import Gpus
from kerasbench.machine.run_owner import is_gone
from kerasbench.store.runs import Run
from kerasbench.terminal.errors import UserError
from kerasbench.vocabulary import Tag

AUTO, OFF, FAILED = "auto", "off", "failed"
_SAME = (Tag.CONFIG_HASH, Tag.VARIANT, Tag.DATA_DIGEST, Tag.ENVIRONMENT, Tag.MEASUREMENT, Tag.FINGERPRINT)
_NOT_CELLS = (
    "repeats",
    "seed",
    "resume",
    "report",
    "quiet",
    "objective",
    "tracking.",
    "hydra.",
    "sweep.",
    "launcher.",
    "environments.",
)

_Known = tuple[str, ...]  # the values of the tags in _SAME, or of most of them


@dataclass(frozen=True)
class Plan:
    """What is left of a sweep.

    Attributes:
        sweep: the id of the sweep that is continued.
        finished: the jobs to leave out, each as the overrides that tell it from the others.
        jobs: how many jobs the whole sweep has.
    """

    sweep: str
    finished: list[list[str]]
    jobs: int


def cells(fixed: Sequence[str], swept: Mapping[str, Sequence[str]]) -> str:
    """Return a short hash that is equal for two commands that name the same cells, however often they repeat them."""

    def decides(override: str) -> bool:
        return not override.lstrip("+~").startswith(_NOT_CELLS)

    named = [sorted(filter(decides, fixed)), sorted(sorted(filter(decides, values)) for values in swept.values())]
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()[:16]


def plan(
    master: Config,
    cells: str,
    swept: Sequence[Sequence[str]],
    compose: Callable[[Sequence[str]], tuple[Config, Sequence[str]]],
    here: Share | None,
) -> Plan | None:
    """Return which sweep a command continues and what is left of it; None: it begins a new one.

    Args:
        master: the command's configuration; `resume` is auto, off, failed or the id of a sweep.
        cells: the hash of its cells.
        swept: the overrides that it varies, one list of choices for each key.
        compose: returns a cell's configuration and variant.
        here: what each job has of this machine; None: the jobs run on others, whose hardware is not known.

    Raises:
        UserError: the sweep that `resume` names cannot be continued.
    """
    asked = master.resume
    if asked == OFF:
        return None
    from kerasbench.store.sweeps import runs_of  # MLflow takes seconds to import

    runs = runs_of(master.tracking, cells)
    sweep = asked if asked not in (AUTO, FAILED) else next((run.tags[Tag.SWEEP] for run in runs), None)
    own = [run for run in runs if run.tags[Tag.SWEEP] == sweep]
    if asked != AUTO and not own:
        raise UserError(f"resume={asked}: {master.tracking.experiment} holds no sweep of these cells to continue")
    if asked == AUTO and (not own or any(map(_goes_on, own))):
        return None  # there is none, or it is still going on
    same = _SAME if here else tuple(tag for tag in _SAME if tag != Tag.FINGERPRINT)
    done = {_known(run.tags, same) for run in own if run.finished}
    failed = {_known(run.tags, same)[:2] for run in own if not run.finished}
    jobs = [(job, _known(tags, same)) for job, tags in _jobs(master, swept, compose, here or Share())]
    left_out = [job for job, known in jobs if known in done or (asked == FAILED and known[:2] not in failed)]
    if asked == AUTO and (not done or len(left_out) == len(jobs) or not left_out):
        return None
    if len(left_out) == len(jobs):
        raise UserError(f"resume={asked}: every job of sweep {sweep} has finished; leave resume out to measure anew")
    return Plan(str(sweep), left_out, len(jobs))


def _goes_on(run: Run) -> bool:
    """Return whether a run's sweep may be going on: its command lives, or the run does, without its command."""
    owner = run.tags.get(Tag.OWNER, "")
    command = run.tags.get(Tag.SWEEP_OWNER) or owner
    return not is_gone(command) or (run.status == "RUNNING" and not is_gone(owner))


def _known(tags: Mapping[str, str], same: Sequence[str]) -> _Known:
    return tuple(tags.get(name, "") for name in same)


def _jobs(
    master: Config,
    swept: Sequence[Sequence[str]],
    compose: Callable[[Sequence[str]], tuple[Config, Sequence[str]]],
    share: Share,
) -> list[tuple[list[str], dict[str, str]]]:
    """Return every job, as the overrides that tell it apart, and the tags that its run would have."""
    from kerasbench.data import prepare

    fingerprints: dict[bool, str] = {}  # whether the worker sees GPUs
    found: list[tuple[list[str], dict[str, str]]] = []
    for combination in configurations.one_by_one(list(itertools.product(*swept))):
        cell, variant = compose(combination)
        hidden = cell.backend.build == CPU
        if hidden not in fingerprints:
            with Gpus(os.environ | (WITHOUT_GPU if hidden else {})) as sensors:
                gpus = sensors.gpus()[:1] if share.gpu and cell.backend.on_gpu else sensors.gpus()
                fingerprints[hidden] = hardware.tags(gpus, share.cores)[Tag.FINGERPRINT]
        ready = environments.ready(environments.Specification.of(cell))
        of_environment = (
            identity.environment(cell.backend, ready.proof, ready.packages.read_text(encoding="utf-8")) if ready else ""
        )
        digest = "" if cell.script else prepare(cell.data).digest
        for number in range(master.repeats):
            config = replace(cell, seed=cell.seed + number)
            seed = [f"seed={config.seed}"] if master.repeats > 1 else []
            tags = {
                Tag.CONFIG_HASH: identity.digest(config),
                Tag.VARIANT: " ".join(variant),
                Tag.DATA_DIGEST: digest,
                Tag.ENVIRONMENT: of_environment,
                Tag.MEASUREMENT: str(identity.MEASUREMENT),
                Tag.FINGERPRINT: fingerprints[hidden],
            }
            found.append(([*combination, *seed], tags))
    return found
