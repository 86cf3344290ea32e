"""A job's place in its sweep.

It is passed to the jobs in overrides of `sweep.id` and `sweep.varied`, so that a launcher may run them in other
processes or on other machines.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from kerasbench.paths import absolute
from kerasbench.vocabulary import DEVICES

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
    """

    sweep: str
    variant: tuple[str, ...] = ()
    in_sweep: bool = False


def new_sweep_id() -> str:
    """Return a unique id that sorts by time."""
    return f"{datetime.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"


def hand_on(master: DictConfig, varied: Iterable[str], cells: str) -> None:
    """Give a sweep its id, and hand it, the keys that it varies and the hash of its cells on to all its jobs."""
    master.sweep.id = master.sweep.id or new_sweep_id()
    keys = ",".join(f"'{key}'" for key in varied)
    handed = [f"sweep.id='{master.sweep.id}'", f"sweep.varied=[{keys}]", f"sweep.cells='{cells}'"]
    master.hydra.overrides.hydra.extend(handed)


def this_job(composed: DictConfig) -> Job:
    """Return the place of the job that Hydra runs now."""
    hydra = HydraConfig.get()
    varied = variant(hydra.overrides.task, composed.sweep.varied, composed.settings.devices)
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
