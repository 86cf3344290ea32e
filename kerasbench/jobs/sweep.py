"""What happens around a sweep's jobs: all is checked and provisioned before the first, and summed up after the last."""

import copy
import math
import os
import uuid
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict, read_write

from kerasbench import environments
from kerasbench.config import composition
from kerasbench.config.schema import Config, Task
from kerasbench.jobs.summary import summarise
from kerasbench.tasks.outcome import Job, Outcome
from kerasbench.terminal import progress
from kerasbench.terminal.errors import UserError, reporting

# A launcher's other processes inherit them.
_SWEEP_VARIABLE, _SWEPT_VARIABLE = "KERASBENCH_SWEEP", "KERASBENCH_SWEPT"
_ROUNDS = "hydra_plugins.rounds_sweeper.Rounds"
_NO_VARIANT = {"backend", "model", "data", "seed", "experiment", "task"}  # these have tags of their own


def sweep_id() -> str:
    """Return the id that all runs of this command share."""
    return os.environ.setdefault(_SWEEP_VARIABLE, f"{datetime.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}")


def this_job() -> Job:
    """Return the place in its sweep of the job that Hydra runs now.

    A label and a changed backend make another competitor, too, whether the sweep varies them or not.
    """
    swept = set(os.environ.get(_SWEPT_VARIABLE, "").split()) - _NO_VARIANT

    def tells_apart(override: str) -> bool:
        key = override.partition("=")[0].lstrip("+~")
        return key in swept or key == "label" or key.startswith("backend.")

    return Job(sweep_id(), tuple(filter(tells_apart, HydraConfig.get().overrides.task)))


class SweepCallback(Callback):
    """What Hydra calls before and after the jobs. It only warns of what a callback raises: SystemExit ends it all."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check the choices of a single run, and provision its backend."""
        with reporting(unexpected=True):
            checked = _typed(config)
            if checked.repeats > 1:
                raise UserError(f"repeats={checked.repeats} repeats the cells of a sweep: add -m")
            progress.begin(1, checked.quiet)
            _provision([checked])

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check every choice of the sweep, and provision every backend, before anything is trained."""
        sweep_id()
        with reporting(unexpected=True):
            fixed, swept = _overrides(config)
            os.environ[_SWEPT_VARIABLE] = " ".join(swept)
            _check_repeats(config, swept)
            progress.begin(math.prod(map(len, swept.values())) * config.repeats, config.quiet)
            choices = _choices(config, fixed, list(swept.values()))
            _open_stores(choices)  # it imports MLflow: else the first worker would start beside that
            _provision(choices)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Print the tables and the comparison's address; exit with status 1 if a job did not finish."""
        progress.current().stop()
        with reporting(unexpected=True):
            folder = Path(config.hydra.sweep.dir)
            jobs = sorted((path for path in folder.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))
            outcomes = [Outcome.load(job) for job in jobs]
            done = [outcome for outcome in outcomes if outcome]
            finished = summarise(done, sweep_id(), composition.unchecked(_without_hydra(config)), folder / "report")
            if not finished or None in outcomes:
                raise SystemExit(1)


def _overrides(master: DictConfig) -> tuple[list[str], dict[str, list[str]]]:
    """Return the sweep's fixed overrides, and by key those that it varies, one for each value.

    They come from the configuration (an experiment's `hydra.sweeper.params`) and, winning, from the command line. A
    range without steps, which only some sweepers know, is left to its jobs.
    """
    parser = OverridesParser.create(GlobalHydra.instance().config_loader())
    chosen = [f"{key}={value}" for key, value in (master.hydra.sweeper.get("params") or {}).items()]
    parsed: dict[str, Override] = {}
    for override in parser.parse_overrides([*chosen, *master.hydra.overrides.task]):
        parsed[str(override.get_key_element())] = override
    fixed, swept = [], {}
    for key, override in parsed.items():
        if not override.is_sweep_override():
            fixed.append(f"{key}={override.get_value_element_as_str()}")
        elif override.is_discrete_sweep():
            swept[key.lstrip("+")] = [f"{key}={value}" for value in override.sweep_string_iterator()]
    return fixed, swept


def _check_repeats(config: DictConfig, swept: dict[str, list[str]]) -> None:
    if config.repeats == 1:
        return
    if "seed" in swept:
        raise UserError(f"repeats={config.repeats} draws seeds of its own: give one seed, from which they count up")
    if config.hydra.sweeper._target_ != _ROUNDS:
        raise UserError(f"repeats={config.repeats} needs Hydra's sweeper `rounds`: leave out hydra/sweeper=")


def _open_stores(configs: Sequence[Config]) -> None:
    from kerasbench.store.tracking import open_store
    from kerasbench.tasks import training  # noqa: F401 - what the first job would import

    for tracking in {config.tracking.uri: config.tracking for config in configs}.values():
        open_store(tracking)


def _provision(configs: Sequence[Config]) -> None:
    needed = {config.backend.name: (config.backend, config.environments.folder) for config in configs}
    for config in configs:
        if config.task is Task.parity:
            reference = config.parity.reference
            needed.setdefault(reference, (composition.backend_named(reference), config.environments.folder))
    for name, (backend, folder) in needed.items():
        environments.provision(backend, Path(folder), progress.current().announcing(name))


def _choices(master: DictConfig, fixed: list[str], swept: list[list[str]]) -> list[Config]:
    """Compose and check the sweep's configuration once for each value of each of its overrides.

    Not once for each combination: their number is a product, and a backend's environment depends on few of them.
    """
    first = [values[0] for values in swept]
    variants = [fixed + first]
    for position, values in enumerate(swept):
        variants += [fixed + first[:position] + [value] + first[position + 1 :] for value in values[1:]]
    loader = GlobalHydra.instance().config_loader()
    return [_typed(loader.load_sweep_config(master, variant)) for variant in variants]


def _typed(composed: DictConfig) -> Config:
    return composition.typed(_without_hydra(composed))


def _without_hydra(composed: DictConfig) -> DictConfig:
    task = copy.deepcopy(composed)
    with read_write(task), open_dict(task):
        del task["hydra"]
    return task
