"""Hydra's callback around the jobs: checks and environments before the first, the summary after the last."""

import copy
import json
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, RangeSweep
from hydra.core.utils import JobReturn
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict, read_write
from rich.markup import escape

from kerasbench import environments
from kerasbench.config import builds, checks, command_line, composition, devices, structure, unused_overrides
from kerasbench.config.schema import Config, DataSource, Task
from kerasbench.environments import Specification
from kerasbench.jobs import configurations, launchers, mlflow_project, objective, place, resume, stores
from kerasbench.jobs.summary import summarise
from kerasbench.paths import absolute
from kerasbench.process.interruption import prevailing
from kerasbench.tasks.outcome import Outcome
from kerasbench.terminal import progress
from kerasbench.terminal.errors import UserError, reporting

_ROUNDS = "hydra_plugins.rounds_sweeper.Rounds"
_OF_THE_COMMAND = (
    "repeats", "report", "quiet", "objective", "sweep.id", "sweep.varied", "sweep.summary",
    "launcher.cores", "launcher.allow_contention", "launcher.locks",
)  # fmt: skip


class SweepCallback(Callback):
    """Hydra calls it before and after the jobs, and suppresses every exception of a callback except SystemExit."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check the choices of a single run, and provision its backend."""
        with reporting(unexpected=True), prevailing():
            checked = _typed(config)
            unused_overrides.check(command_line.overrides(config.hydra), [checked])
            checks.folder(f"hydra.run.dir={config.hydra.run.dir}", Path(absolute(config.hydra.run.dir)))
            if checked.repeats > 1:
                raise UserError(f"repeats={checked.repeats} repeats the cells of a sweep: add -m")
            progress.begin(1, checked.quiet)
            _say_builds([checked])
            stores.hand_on_earlier_runs([checked], config.hydra.run.dir)
            # Otherwise the run prepares the data while its worker imports Keras.
            if checked.data.source is DataSource.real or checked.data.path:
                _prepare([checked])
            needed = _environments([checked])
            environments.check(needed)
            if not environments.ready(Specification.of(checked)):
                stores.open_all([checked])  # before an installation, which takes minutes; otherwise the run opens it
            _provision(needed)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check every choice of the sweep, and provision every backend, before any training starts."""
        with reporting(unexpected=True), prevailing():
            launchers.check(config)
            overrides = _overrides(config)
            jobs = _jobs(config, overrides)
            fixed, swept = _split(overrides)
            checks.folder(f"hydra.sweep.dir={config.hydra.sweep.dir}", Path(absolute(config.hydra.sweep.dir)))
            _check_swept(config, overrides, swept)
            objective.choose_direction(config)
            progress.begin(jobs, config.quiet)
            choices = _choices(config, fixed, [values for values in swept.values() if values])
            unused_overrides.check(command_line.overrides(config.hydra), choices)
            for one in devices.combined(choices):
                devices.check(one)
            share = launchers.share(config, choices, jobs)
            _say_builds(choices)
            for line in launchers.warnings(config.hydra.launcher, choices):
                progress.current().lasting(f"[yellow]{escape(line)}")
            if share.contention:
                progress.current().lasting(f"[yellow]{share.contention}: their times are noise, and are not judged")
            needed = _environments(choices)
            environments.check(needed)
            # Before runs that it may complete are found to be lost.
            stores.hand_on_earlier_runs(choices, config.hydra.sweep.dir)
            new = stores.are_new(choices)  # importing MLflow and creating a store takes most of ten seconds
            if not new:
                stores.open_all(choices)  # a store that cannot be used is told before anything is installed
            with ThreadPoolExecutor(1) as beside:  # other processes install the environments
                meanwhile = [beside.submit(stores.open_all, choices)] if new else []
                meanwhile.append(beside.submit(_prepare, choices))
                _provision(needed)
                for done in meanwhile:
                    done.result()
            named = resume.cells(fixed, swept)
            _continue(config, named, fixed, list(swept.values()), share)
            uris = {one.tracking.uri for one in choices}
            place.hand_on(config, swept, named, uris.pop() if len(uris) == 1 else "", share)
            mlflow_project.begin(composition.unchecked(_without_hydra(config)))

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Drop the configuration of a sweep's job: Hydra would keep a third of a MiB for each until the sweep ends."""
        if config.hydra.mode == RunMode.MULTIRUN:
            job_return.cfg = job_return.hydra_cfg = None

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Print the tables and the comparison's address; exit with status 1 if a job did not finish."""
        with reporting(unexpected=True), prevailing():
            if not _sum_up(config):
                raise SystemExit(1)


def interrupted(config: DictConfig) -> None:
    """Print the tables of what has finished, without the page, and how to continue the sweep."""
    config.report = False
    _sum_up(config)
    print(f"To continue sweep {config.sweep.id}, run the same command again.")


def _sum_up(config: DictConfig) -> bool:
    """Print the tables and the comparison's address; return whether all jobs have finished."""
    progress.current().stop()
    folder, sweep = absolute(config.hydra.sweep.dir), config.sweep.id
    whole = composition.unchecked(_without_hydra(config))
    stores.hand_on([Path(folder)], whole.tracking, whole.tracking.patience_seconds)
    if not launchers.one_by_one(config.hydra.launcher):
        stores.end_lost(whole.tracking, sweep)
    outcomes = [Outcome.load(file) for file in place.outcome_files(folder, sweep)]
    finished = summarise(outcomes, sweep, whole, Path(folder) / "report")
    mlflow_project.conclude(outcomes, whole)
    return finished


def _continue(master: DictConfig, cells: str, fixed: list[str], swept: list[list[str]], share: launchers.Share) -> None:
    """Leave out the jobs that an interrupted sweep of the same cells has finished."""
    if not all(swept) or master.hydra.sweeper._target_ != _ROUNDS:
        return  # a sweeper that searches has no list of jobs
    loader = GlobalHydra.instance().config_loader()

    def compose(combination: Sequence[str]) -> tuple[Config, Sequence[str]]:
        overrides = [*fixed, *combination]
        keys = [override.partition("=")[0].lstrip("+") for override in combination]
        config = _typed(loader.load_sweep_config(master, overrides))
        return config, place.variant(overrides, keys, config.settings.devices)

    here = share if launchers.on_this_machine(master.hydra.launcher) else None
    found = resume.plan(composition.unchecked(_without_hydra(master)), cells, swept, compose, here)
    if found:
        left = found.jobs - len(found.finished)
        progress.begin(left, master.quiet)
        progress.current().lasting(
            f"continuing sweep {found.sweep}: {len(found.finished)} of {found.jobs} jobs have finished, "
            f"{left} are left (resume=off begins a new sweep)"
        )
        for file in place.outcome_files(master.hydra.sweep.dir, found.sweep):
            file.unlink()  # of the interrupted command; the store has what has finished
        master.sweep.id, master.sweep.finished = found.sweep, [json.dumps(job) for job in found.finished]


def _overrides(master: DictConfig) -> dict[str, Override]:
    """Return the sweep's overrides by key; the command line overrides an experiment's `hydra.sweeper.params`."""
    parser = OverridesParser.create(GlobalHydra.instance().config_loader())
    chosen = [f"{key}={value}" for key, value in (master.hydra.sweeper.get("params") or {}).items()]
    parsed = parser.parse_overrides([*chosen, *command_line.overrides(master.hydra)])
    return {str(override.get_key_element()).lstrip("+"): override for override in parsed}


def _jobs(master: DictConfig, overrides: Mapping[str, Override]) -> int:
    """Return the number of jobs: a searching sweeper's trials, or the product of all choices, which are not listed.

    Raises:
        UserError: there are no jobs, or more than one command may run.
    """
    counts = {key: _count(override) for key, override in overrides.items() if override.is_discrete_sweep()}
    none = [overrides[key].input_line for key, count in counts.items() if not count]
    if none:
        raise UserError(f"{none[0]} holds no value: there is nothing to run")
    trials = master.hydra.sweeper.get("n_trials")
    jobs = trials or math.prod(counts.values()) * master.repeats
    if jobs > checks.MOST_JOBS:
        raise UserError(f"this sweep has {jobs:.0f} jobs, and one command runs at most {checks.MOST_JOBS}")
    return int(jobs)


def _count(override: Override) -> float:
    """Return the number of values of a sweep's override, without listing them."""
    value = override.value()
    if isinstance(value, RangeSweep):
        start, stop, step = (float(one) for one in (value.start, value.stop, value.step))  # type: ignore[arg-type]
        if not step or not all(map(math.isfinite, (start, stop, step))):
            raise UserError(f"{override.input_line} never ends")
        return max(0, math.ceil((stop - start) / step))
    return len(value.list) if isinstance(value, ChoiceSweep) else sum(1 for _ in override.sweep_string_iterator())


def _split(overrides: Mapping[str, Override]) -> tuple[list[str], dict[str, list[str]]]:
    """Return the sweep's fixed overrides, and for each varied key one override per value.

    An interval, which only some sweepers support, has no values here; its jobs check them.
    """
    fixed, swept = [], {}
    for key, override in overrides.items():
        written = str(override.get_key_element())
        if not override.is_sweep_override():
            fixed.append(f"{written}={override.get_value_element_as_str()}")
        else:
            values = override.sweep_string_iterator() if override.is_discrete_sweep() else ()
            swept[key] = [f"{written}={value}" for value in values]
    return fixed, swept


def _check_swept(master: DictConfig, overrides: Mapping[str, Override], swept: Mapping[str, list[str]]) -> None:
    """Check that the sweep does not vary settings that are read once for the whole command."""
    of_an_experiment = set(master.hydra.sweeper.get("params") or {})
    for key in _OF_THE_COMMAND:
        if key in swept or key in of_an_experiment:
            raise UserError(f"{overrides[key].input_line}: {key} applies to all jobs of a command: give one value")
    if master.repeats == 1:
        return
    if "seed" in swept or "seed" in of_an_experiment:
        raise UserError(f"repeats={master.repeats} counts up from the first seed: give one seed")
    if master.hydra.sweeper._target_ != _ROUNDS:
        raise UserError(f"repeats={master.repeats} needs Hydra's sweeper `rounds`: leave out hydra/sweeper=")


def _prepare(configs: Sequence[Config]) -> None:
    from kerasbench.data import prepare  # imports NumPy: not before a single run's worker starts

    for config in devices.combined(configs):
        if not config.script:
            data = prepare(config.data)
            devices.check_examples(config, data.train_examples, data.test_examples)


def _environments(configs: Sequence[Config]) -> list[Specification]:
    """Return the environments of all runs and of the reference backends."""
    needed = [Specification.of(config) for config in configs]
    for config in configs:
        if config.task is Task.parity or config.weights_from_reference:
            needed.append(Specification.of(config, composition.backend_named(config.parity.reference)))
    return needed


def _say_builds(configs: Sequence[Config]) -> None:
    for line in builds.announcement(configs):
        progress.current().lasting(escape(line))


def _provision(needed: Sequence[Specification]) -> None:
    environments.provision_all(needed, lambda name: progress.current().announcing(name, beside=True))


def _choices(master: DictConfig, fixed: list[str], swept: list[list[str]]) -> list[Config]:
    """Compose and check the sweep's configuration once for each value of each override.

    Not for each combination: their number is a product, and a backend's environment depends on few overrides.
    """
    first = [values[0] for values in swept]
    variants = [fixed + first]
    for position, values in enumerate(swept):
        variants += [fixed + first[:position] + [value] + first[position + 1 :] for value in values[1:]]
    loader = GlobalHydra.instance().config_loader()
    return [_typed(loader.load_sweep_config(master, variant)) for variant in configurations.one_by_one(variants)]


def _typed(composed: DictConfig) -> Config:
    structure.known_keys(composed)  # includes Hydra's own
    return composition.typed(_without_hydra(composed))


def _without_hydra(composed: DictConfig) -> DictConfig:
    task = copy.deepcopy(composed)
    with read_write(task), open_dict(task):
        del task["hydra"]
    return task
