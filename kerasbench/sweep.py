"""What happens around a sweep's jobs: all is checked and provisioned before the first, and summed up after the last."""

import copy
import os
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict, read_write
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kerasbench import config as configuration
from kerasbench import environments, stats, ui
from kerasbench.config import Config, Task
from kerasbench.errors import reporting
from kerasbench.outcome import Outcome
from kerasbench.progress import announcing, console

_VARIABLE = "KERASBENCH_SWEEP"  # a launcher's other processes inherit it


def sweep_id() -> str:
    """Return the id that all runs of this command share."""
    return os.environ.setdefault(_VARIABLE, f"{datetime.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}")


class SweepCallback(Callback):
    """What Hydra calls before and after the jobs. It only warns of what a callback raises: SystemExit ends it all."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check the choices of a single run, and provision its backend."""
        with reporting(unexpected=True):
            _provision([_typed(config)])

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check every choice of the sweep, and provision every backend, before anything is trained."""
        sweep_id()
        with reporting(unexpected=True):
            _provision(_choices(config))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Print the table and the comparison's address; exit with status 1 if a job did not finish."""
        with reporting(unexpected=True):
            folder = Path(config.hydra.sweep.dir)
            jobs = sorted((path for path in folder.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))
            outcomes = [Outcome.load(job) for job in jobs]
            finished = summarise([outcome for outcome in outcomes if outcome], console())
            if not finished or None in outcomes:
                raise SystemExit(1)


def _provision(configs: list[Config]) -> None:
    needed = {config.backend.name: (config.backend, config.environments.folder) for config in configs}
    for config in configs:
        if config.task is Task.parity:
            reference = config.parity.reference
            needed.setdefault(reference, (configuration.backend_named(reference), config.environments.folder))
    for name, (backend, folder) in needed.items():
        environments.provision(backend, Path(folder), announcing(console(), name))


def _choices(master: DictConfig) -> list[Config]:
    """Compose and check the sweep's configuration once for each value of each of its overrides.

    Not once for each combination: their number is a product, and a backend's environment depends on few of them.
    A range without steps, which only some sweepers know, is left to its jobs.
    """
    loader = GlobalHydra.instance().config_loader()
    fixed: list[str] = []
    swept: list[list[str]] = []
    for override in OverridesParser.create(loader).parse_overrides(list(master.hydra.overrides.task)):
        if not override.is_sweep_override():
            fixed.append(override.input_line or "")
        elif override.is_discrete_sweep():
            key = override.get_key_element()
            swept.append([f"{key}={value}" for value in override.sweep_string_iterator()])
    first = [values[0] for values in swept]
    variants = [fixed + first]
    for position, values in enumerate(swept):
        variants += [fixed + first[:position] + [value] + first[position + 1 :] for value in values[1:]]
    return [_load(loader, master, variant) for variant in variants]


def _load(loader: Any, master: DictConfig, overrides: list[str]) -> Config:
    return _typed(loader.load_sweep_config(master, overrides))


def _typed(composed: DictConfig) -> Config:
    task = copy.deepcopy(composed)
    with read_write(task), open_dict(task):
        del task["hydra"]
    return configuration.typed(task)


def summarise(outcomes: list[Outcome], console: Console) -> bool:
    """Print how the runs of one command ended and where to compare them; return whether all have finished."""
    parity = outcomes and all(outcome.task == Task.parity.value for outcome in outcomes)
    console.print(_parity_table(outcomes) if parity else _training_table(outcomes))
    for outcome in outcomes:
        if outcome.failure:
            console.print(f"[red]{outcome.backend} · {outcome.model} · seed {outcome.seed}: {escape(outcome.failure)}")
    experiment = next((outcome.experiment_id for outcome in outcomes if outcome.experiment_id), None)
    if experiment:
        console.print(
            f"To compare them, `make ui`, then open\n{ui.comparison_url(experiment, sweep_id())}", soft_wrap=True
        )
    return all(outcome.status == "FINISHED" for outcome in outcomes)


def _parity_table(outcomes: list[Outcome]) -> Table:
    """Return backends by models: whether the losses are the reference's, and by how much they deviate at most."""
    models = list(dict.fromkeys(outcome.model for outcome in outcomes))
    table = Table("parity", *models, box=box.SIMPLE_HEAD)
    for backend in dict.fromkeys(outcome.backend for outcome in outcomes):
        cells = {outcome.model: _parity_cell(outcome) for outcome in outcomes if outcome.backend == backend}
        table.add_row(backend, *(cells.get(model, "") for model in models))
    return table


def _parity_cell(outcome: Outcome) -> str:
    verdict = "[green]pass[/]" if outcome.status == "FINISHED" else "[red]FAIL[/]"
    return verdict if outcome.deviation is None else f"{verdict} {outcome.deviation:.0e}"


def _training_table(outcomes: list[Outcome]) -> Table:
    """Return one row a run: what is the same for all stands above the table, what differs is a column."""
    columns = {
        "backend": [outcome.backend for outcome in outcomes],
        "Keras": [outcome.keras_version for outcome in outcomes],
        "model": [outcome.model for outcome in outcomes],
        "data": [outcome.data for outcome in outcomes],
        "seed": [str(outcome.seed) for outcome in outcomes],
        "s/epoch": [_seconds(outcome) for outcome in outcomes],
        "val_accuracy": [_last(outcome, "val_accuracy") for outcome in outcomes],
        "status": [outcome.status for outcome in outcomes],
    }
    common = [name for name in ("model", "data", "seed") if len(set(columns[name])) == 1]
    title = "  ".join(f"{name}: {columns.pop(name)[0]}" for name in common)
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for name in columns:
        table.add_column(name, justify="right" if name in ("s/epoch", "val_accuracy") else "left", no_wrap=True)
    for outcome, row in zip(outcomes, zip(*columns.values(), strict=True), strict=True):
        table.add_row(*row, style="" if outcome.status == "FINISHED" else "red")
    return table


def _seconds(outcome: Outcome) -> str:
    """Return the seconds of a steady epoch; of a single epoch, its own, marked, for it carries the compilation."""
    steady = stats.steady_seconds(outcome.epoch_seconds)
    if steady is not None:
        return f"{steady:.2f}"
    return f"{outcome.epoch_seconds[0]:.2f} (first)" if outcome.epoch_seconds else ""


def _last(outcome: Outcome, metric: str) -> str:
    return f"{outcome.last_epoch[metric]:.4f}" if metric in outcome.last_epoch else ""
