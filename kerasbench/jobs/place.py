"""A job's place in its sweep.

All that a job must know of its sweep is passed to it in overrides, not in variables or by the current folder, so that
a launcher may run it in another process or on another machine.
"""

import os
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.types import RunMode
from omegaconf import DictConfig

from kerasbench.config import command_line, scripts
from kerasbench.config.schema import Config
from kerasbench.credentials import without_credentials
from kerasbench.jobs.launchers import Share, one_by_one
from kerasbench.machine import provenance
from kerasbench.machine.allocation import Own
from kerasbench.machine.run_owner import owner
from kerasbench.paths import absolute
from kerasbench.tasks.outcome import Outcome
from kerasbench.terminal.errors import UserError
from kerasbench.vocabulary import DEVICES, Tag

_OUTCOMES = ".outcomes"
_NO_VARIANT = {"backend", "model", "data", "seed", "experiment", "task", "script"}  # these have their own tags


@dataclass(frozen=True)
class Job:
    """A run's place in its sweep.

    Attributes:
        sweep: the id that all runs of one command share.
        variant: the overrides, KEY=VALUE, that make it another competitor than its plain backend: those that the sweep
            varies (except backend, model, data and seed), those of the backend, and a label.
        in_sweep: whether it is a job of a sweep, which has already opened its store.
        own: the cores and the GPU that no other job uses.
    """

    sweep: str
    variant: tuple[str, ...] = ()
    in_sweep: bool = False
    own: Own = field(default_factory=Own)


def new_sweep_id() -> str:
    """Return a unique id that sorts by time."""
    return f"{datetime.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"


def hand_on(master: DictConfig, varied: Iterable[str], cells: str, store: str, share: Share) -> None:
    """Give a sweep its id, and hand on to all its jobs what they must know of it.

    Args:
        master: the sweep's configuration.
        varied: the keys that it varies.
        cells: the hash of its cells.
        store: the address of its store; empty if it has several.
        share: what each job has for itself.
    """
    master.sweep.id = master.sweep.id or new_sweep_id()
    keys = ",".join(f"'{key}'" for key in varied)
    handed = {"sweep.id": _quoted(master.sweep.id), "sweep.varied": f"[{keys}]", "sweep.cells": _quoted(cells)}
    if not one_by_one(master.hydra.launcher):
        master.hydra.sweep.dir = absolute(master.hydra.sweep.dir)
        handed |= _to_other_processes(master.hydra.sweep.dir, store, share)
    master.hydra.overrides.hydra.extend([f"{key}={value}" for key, value in handed.items()])


def _to_other_processes(folder: str, store: str, share: Share) -> dict[str, str]:
    """Return what a job in this process would know by itself: where it is, and what the variables say."""
    public, data = without_credentials(store), os.environ.get("KERASBENCH_DATA")
    handed = {
        "hydra.sweep.dir": folder,
        "sweep.owner": owner(),
        "sweep.command": "".join(one if one.isprintable() else "?" for one in provenance.tags()[Tag.COMMAND]),
        "sweep.store": public,
        "tracking.uri": store if store == public else "",
        "data.root": absolute(data) if data else "",
        "launcher.contention": share.contention,
        "launcher.cores": str(share.cores or ""),
    }
    return {key: _quoted(value) for key, value in handed.items() if value}


def _quoted(text: str) -> str:
    return QuotedString(text, Quote.single).with_quotes()


def check_store(config: Config) -> None:
    """Raise UserError if this job would write to another store than its sweep: its variable did not reach it."""
    own, of_sweep = without_credentials(config.tracking.uri), config.sweep.store
    if of_sweep and own != of_sweep:
        raise UserError(
            f"this job would write to {own}, and its sweep writes to {of_sweep}: hand MLFLOW_TRACKING_URI on to the "
            "jobs (Slurm does, unless SBATCH_EXPORT forbids it)"
        )


def this_job(composed: DictConfig) -> Job:
    """Return the place of the job that Hydra runs now."""
    hydra = HydraConfig.get()
    varied = variant(command_line.overrides(hydra), composed.sweep.varied, composed.settings.devices)
    return Job(composed.sweep.id or new_sweep_id(), varied, hydra.mode is RunMode.MULTIRUN)


def variant(overrides: Iterable[str], varied: Iterable[str], devices: int = 1) -> tuple[str, ...]:
    """Return the overrides that make a job another competitor than its plain backend.

    A label and a changed backend do so, too, whether the sweep varies them or not, and so does more than one device,
    wherever it was set: its run has other times, and on one device it is the plain backend.
    """
    keys = set(varied) - _NO_VARIANT - {DEVICES}

    def makes_another(override: str) -> bool:
        key = override.partition("=")[0].lstrip("+~")
        return key in keys or key == "label" or key.startswith("backend.")

    found = tuple(override.lstrip("+") for override in overrides if makes_another(override))
    return (*found, f"{DEVICES}={devices}") if devices > 1 else found


def outcome_file(sweep_folder: str, sweep: str, number: int) -> Path:
    """Return the file for the outcome of a sweep's job, which is outside the job's own folder."""
    return Path(absolute(sweep_folder)) / _OUTCOMES / sweep / f"{number}.json"


def outcome_files(sweep_folder: str, sweep: str) -> list[Path]:
    """Return the outcome files of all started jobs, in order."""
    return sorted((Path(absolute(sweep_folder)) / _OUTCOMES / sweep).glob("*.json"), key=lambda file: int(file.stem))


def killed(composed: DictConfig, variant: Sequence[str], **ended: Any) -> Outcome:
    """Return the outcome of a job that has not ended, or how it ended without a run."""
    model = scripts.model_name(composed.script) if composed.script else composed.model.name
    return Outcome(composed.backend.name, model, composed.seed, composed.task.value, list(variant), **ended)
