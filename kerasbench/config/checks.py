"""Checks values beyond their types: numeric ranges, known names, usable folders."""

import functools
import math
import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from kerasbench.config import optimizers, own_data, packages, settings, signatures
from kerasbench.config.ranges import Range
from kerasbench.config.schema import Config, DataSource
from kerasbench.credentials import without_credentials
from kerasbench.paths import CONF, IMPORTED_FROM, PROJECT, REQUIREMENTS
from kerasbench.terminal.errors import UserError
from kerasbench.vocabulary import Metric

# The metrics that a run can return to Hydra's sweepers: of the last epoch, and of the whole run.
OBJECTIVES = (*Metric.OF_EPOCH, *Metric.OF_RUN)
MOST_JOBS = 10_000  # per command
OFFERED = ("input_shapes", "classes", "outputs")  # what a model's function gets if it asks for it by name


_COUNT = Range(1, 2**31 - 1, why="frameworks count in 32 bits")
_THREADS = Range(1, 4096, why="no machine has more")
_RATE = Range(0, 1000, above=True)
_SHARE = Range(0, 1, below=True)

# The range of every number in the schema, by dotted key; null is not checked.
_SECONDS = Range(0, 1e8, above=True)
RANGES: dict[str, Range] = {
    "seed": Range(0, 2**32 - 1, why="NumPy takes no other seed"),
    "repeats": Range(1, MOST_JOBS, why="one command runs no more jobs"),
    "trainer.epochs": _COUNT,
    "trainer.batch_size": _COUNT,
    "model.epochs": _COUNT,
    "model.batch_size": _COUNT,
    "data.train_samples": _COUNT,
    "data.test_samples": _COUNT,
    "data.test_fraction": Range(0, 1, above=True, below=True),
    "data.split_seed": Range(0, 2**32 - 1, why="NumPy takes no other seed"),
    "settings.devices": Range(1, 1024),
    "settings.threads": _THREADS,
    "launcher.cores": _THREADS,
    "settings.steps_per_execution": _COUNT,
    "backend.tuned.settings.threads": _THREADS,
    "backend.tuned.settings.steps_per_execution": _COUNT,
    "trainer.stall_seconds": _SECONDS,
    "trainer.timeout_seconds": _SECONDS,
    "tracking.patience_seconds": Range(0, 86400),
    "tracking.batch_seconds": Range(0, 3600),
    "telemetry.interval_seconds": Range(0.01, 3600, why="a sample itself takes milliseconds"),
    "parity.steps": _COUNT,
    "parity.batch_size": _COUNT,
    "parity.learning_rate": _RATE,
    "parity.tolerance": Range(0, 1, above=True, why="it is relative"),
}

_PACKAGE = IMPORTED_FROM / "kerasbench"
_LONGEST = 4096  # characters: Linux' limit of a path; MLflow's limit of a param is 6000
_LENGTHS = {"label": 200, "tracking.experiment": 500, "sweep.command": 1_000_000}
_BLANK = ("args", "data.root", "backend.variables.", "backend.tuned.variables.", "model.build.", "data.options.")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}", re.ASCII)  # of a folder, a file, a tag
_VARIABLE = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)
_MARKERS = "o v ^ < > 8 s p P * h H + x X D d . ,".split()  # Matplotlib's


def values(config: Config) -> None:
    """Raise UserError for a value of the right type that a run cannot use."""
    for key, value in _leaves(asdict(config), ""):
        _text(key, key)
        if isinstance(value, str):
            _text(key, value)
        if isinstance(value, float) and key not in RANGES and not math.isfinite(value):
            raise UserError(f"{key}={value} is not a finite number")
    for key, bounds in RANGES.items():
        value = _at(config, key)
        if value is not None and not bounds.holds(value):
            raise UserError(f"{key}={value} must be {bounds}")
    if not signatures.is_file(REQUIREMENTS / config.backend.requirements):
        raise UserError(
            f"backend.requirements={_shown(config.backend.requirements)}: {REQUIREMENTS} contains no such file"
        )
    _names(config)
    _modules(config)
    optimizers.check(config)
    settings.check(config.backend, config.settings)
    _relations(config)


def _at(config: Any, key: str) -> Any:
    return functools.reduce(getattr, key.split("."), config)


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, key)
    else:
        yield key, value


def _text(key: str, text: str) -> None:
    most = _LENGTHS.get(key, _LONGEST)
    if len(text) > most:
        raise UserError(f"{_shown(key)}={_shown(text)} has {len(text)} characters; at most {most} are allowed")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text):
        raise UserError(f"{_shown(key)}={_shown(text)} contains control characters or invalid text")
    if not text.strip() and not key.startswith(_BLANK):
        raise UserError(f"{key} is empty: give it a value, or leave it out")


def _shown(text: str) -> str:
    quoted = without_credentials(text)
    if not quoted.isprintable():
        quoted = quoted.encode("unicode_escape").decode()
    return f"{quoted[:40]}..." if len(quoted) > 40 else quoted


def _names(config: Config) -> None:
    """Check names of things that must exist, and values that must match a pattern."""
    backend = config.backend
    known = {
        "backend.adapter": ([backend.adapter], _stems(_PACKAGE / "worker/frameworks", "py")),
        "backend.fixes": (backend.fixes, _stems(_PACKAGE / "worker/fixes", "py")),
        "backend.post_install": (backend.post_install, _stems(_PACKAGE / "environments/post_install", "py")),
        "backend.framework": ([backend.framework], _frameworks()),
        "parity.reference": ([config.parity.reference], _stems(CONF / "backend", "yaml")),
    }
    if not (config.script or config.model.file):  # only the run can tell which metrics a user's own code has
        known["objective"] = [config.objective], list(OBJECTIVES)
    for key, (asked, there) in known.items():
        for name in asked:
            if name not in there:
                raise UserError(f"{key}={_shown(name)} is unknown; there are: {', '.join(there)}")
    written: list[tuple[str, str | None, re.Pattern[str], str]] = [
        ("backend.name", backend.name, _NAME, "letters, digits, `_`, `-` and `.`"),
        ("model.name", config.model.name, _NAME, "letters, digits, `_`, `-` and `.`"),
        ("data.name", config.data.name, _NAME, "letters, digits, `_`, `-` and `.`"),
        ("objective", config.objective, _NAME, "the name of a metric"),
        ("sweep.id", config.sweep.id, _NAME, "letters, digits, `_`, `-` and `.`"),
        ("backend.colour", backend.colour, _COLOUR, "a colour like #0072b2"),
        ("backend.marker", backend.marker, re.compile("|".join(map(re.escape, _MARKERS))), f"{' '.join(_MARKERS)}"),
        ("backend.seed_function", backend.seed_function, _DOTTED, "a function's dotted name"),
        *((f"{key} {name}", name, _VARIABLE, "an environment variable's name") for key, name in _variables(config)),
    ]
    for key, text, pattern, what in written:
        if text is not None and not pattern.fullmatch(text):
            raise UserError(f"{key}={_shown(text)} must be written as {what}")
    try:
        fitting = [minor for minor in range(6, 30) if f"3.{minor}.99" in SpecifierSet(backend.python)]
    except InvalidSpecifier:
        fitting = []
    if not fitting:
        raise UserError(
            f"backend.python={_shown(backend.python)} fits no minor version of Python; an example is '>=3.11,<3.14'"
        )


def _variables(config: Config) -> Iterator[tuple[str, str]]:
    for key, names in (("variables", config.backend.variables), ("tuned.variables", config.backend.tuned.variables)):
        yield from ((f"backend.{key}", str(name)) for name in names)


@functools.cache
def _stems(folder: Path, suffix: str) -> list[str]:
    return sorted(path.stem for path in folder.glob(f"*.{suffix}") if path.stem != "__init__")


@functools.cache
def _frameworks() -> list[str]:
    files = (OmegaConf.load(path) for path in (CONF / "backend").glob("*.yaml"))
    return sorted({str(OmegaConf.select(file, "framework")) for file in files})


def _modules(config: Config) -> None:
    """Check that the files of the model and the data set exist, and accept their options."""
    model, data = config.model, config.data
    for key, module, function, options in (
        ("model.module", model.module, "build", model.build),
        ("model.float64_reference", model.float64_reference, "losses", None),
    ):
        if module is None or model.own:
            continue
        file = signatures.module_file(module)
        if file is None:
            raise UserError(f"{key}={_shown(module)}: {PROJECT} contains no such module")
        _function(file, function, options, f"{key}={module}", module)
    if model.file:
        named = f"model={model.file}:{model.function}"
        _function(Path(model.file), model.function, model.build, named, Path(model.file).name)
    for name, value in model.build.items():
        if str(name).endswith("dropout") and isinstance(value, int | float) and not _SHARE.holds(value):
            raise UserError(f"model.build.{name}={value} must be {_SHARE}")
    own_data.check(data)
    if data.path:
        return
    key, loader = ("data.loader", data.loader) if data.loader else ("data.name", data.name)
    file = _PACKAGE / "data" / f"{loader}.py"
    if not loader.isidentifier() or not signatures.is_file(file):
        raise UserError(f"{key}={_shown(loader)}: there is no loader kerasbench/data/{_shown(loader)}.py")
    takes = signatures.parameters(file, "real", f"{key}={loader}", offered=("root", "cache"))
    if takes is not None:
        signatures.check(data.options, takes, "data.options", f"the loader `{loader}`")


def _function(file: Path, function: str, options: dict[str, Any] | None, named: str, owner: str) -> None:
    """Check that a file has the function, and that the function accepts the options."""
    takes = signatures.parameters(file, function, named, offered=OFFERED)
    if takes is not None and options is not None:
        signatures.check(options, takes, "model.build", f"{owner}:{function}")


def _relations(config: Config) -> None:
    last = config.seed + config.repeats - 1
    if not RANGES["seed"].holds(last):
        raise UserError(f"seed={config.seed} with repeats={config.repeats} ends at seed {last}: {RANGES['seed']}")
    if config.trainer.augment and not config.data.images:
        raise UserError(f"trainer.augment=true shifts and flips images, and {config.data.name} holds none")
    if config.trainer.augment and config.trainer.callbacks:
        raise UserError(
            "trainer.augment=true begins a new `fit` each epoch, which resets Keras callbacks such as EarlyStopping: "
            "leave it or trainer.callbacks out"
        )
    if config.trainer.augment and config.settings.data_on_device:
        raise UserError(
            "trainer.augment=true draws new images in NumPy for each epoch, which settings.data_on_device=true would "
            "copy to the GPU each time, outside the epoch's time: leave one of them out"
        )
    uri = config.tracking.uri
    if without_credentials(uri) != uri != os.environ.get("MLFLOW_TRACKING_URI"):
        raise UserError(
            "tracking.uri contains a password, and Hydra writes the command line to files: "
            "put the address into the variable MLFLOW_TRACKING_URI"
        )


def folders(config: Config) -> None:
    """Raise UserError for a folder that cannot be used or made; all paths must be absolute."""
    root, source = config.data.root, config.data.source
    if root and source is not DataSource.embedded and not _try(f"data.root={root}", Path(root).is_dir):
        raise UserError(
            f"data.root={root} is not a folder. Name the folder that contains the real data "
            "(data.root=FOLDER or KERASBENCH_DATA), or leave both out."
        )
    for key in ("data.cache", "environments.folder", "tracking.artifacts", "launcher.locks"):
        folder(f"{key}={_at(config, key)}", Path(_at(config, key)))


def environment(config: Config) -> None:
    """Raise UserError for packages that cannot be installed, or an environment of the user's that cannot be used."""
    extra = packages.extra(config.environments)
    if config.environments.use and not config.backend.interpreter:
        raise UserError(
            "environments.use=true runs in an environment that you have: name its interpreter, "
            "backend.interpreter=FOLDER/bin/python"
        )
    if config.environments.use and extra:
        raise UserError(
            "environments.use=true changes nothing in your environment: install the packages of environments.extra "
            "and environments.requirements there yourself, and leave these keys out"
        )


def folder(named: str, path: Path) -> None:
    """Raise UserError if a path is not a folder and cannot be made one; the message calls it `named`."""
    there = next(one for one in (path, *path.parents) if _try(named, one.exists))
    if not there.is_dir():
        raise UserError(f"{named} is not a folder: {there} is a file")
    if there != path and not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"{named} cannot be made: {there} is not writable")


def _try(named: str, ask: Callable[[], bool]) -> bool:
    try:
        return ask()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"{_shown(named)} is not a valid path: {reason}") from error
