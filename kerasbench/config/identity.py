"""Determines whether two runs are the same experiment, and whether they are comparable."""

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import Enum
from typing import Any

from kerasbench.config.schema import BackendConfig, Config, Task
from kerasbench.credentials import without_credentials
from kerasbench.paths import PROJECT, cache_path

# The version of the measurement, like asv's `benchmark.version`. Increase it by 1 with every change that affects a
# figure or its meaning: the clock, the request's defaults, a changed fix or framework's module, the stand-in data. (A
# fix that is new in a backend's list changes that backend's `environment`, and leaves the others' runs comparable.)
MEASUREMENT = 1

# Settings and groups of settings that do not affect what is computed or measured.
_INDIFFERENT = (
    "tracking",
    "environments",
    "backend.colour",
    "backend.platforms",
    "backend.proof_variables",
    "backend.device",  # backend.build says what it leads to
    "backend.builds",
    "backend.facts",
    "backend.index",
    "backend.marker",
    "data.root",
    "data.cache",
    "repeats",
    "resume",
    "noise",
    "label",
    "objective",
    "report",
    "quiet",
    "sweep",
    "launcher",  # the tags hardware.* say what a job has for itself
    "script",  # model.digest identifies it, wherever it is
    "trainer.fail_on_nan",
    "trainer.stall_seconds",
    "trainer.timeout_seconds",
)
_TAGGED = ("sweep.owner", "sweep.command", "sweep.store")
# What a user's script decides itself.
_NOT_OF_A_SCRIPT = ("data", "trainer.epochs", "trainer.batch_size", "trainer.augment", "trainer.callbacks")
_NOT_OF_ENVIRONMENT = ("colour", "marker", "device", "builds", "facts", "index", "proof_variables")  # of a backend
# Settings that were added when there were stores already, with their defaults: at these, they are left out, so that
# params and hashes stay what they were.
_ADDED = {"settings.devices": 1, "settings.data_on_device": None, "backend.tuned.settings.data_on_device": None}
# Settings that may differ within one ranking: backend and seed distinguish competitors and rounds, and the digest
# identifies the data, whatever their source and place.
NOT_COMPARED = (*_INDIFFERENT, "parity", "backend", "seed", "data.source", "data.path")


def plain(config: Config) -> dict[str, Any]:
    """Return the configuration as dicts, lists, strings and numbers, without credentials and what has no effect."""
    content = _as_before({key: _simple(value) for key, value in asdict(config).items()})
    return _without(content, _NOT_OF_A_SCRIPT) if config.script else content


def _simple(value: Any) -> Any:
    if isinstance(value, str):
        return without_credentials(value)
    if isinstance(value, dict):
        return {key: _simple(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_simple(item) for item in value]
    return value.name if isinstance(value, Enum) else value


def flat(config: Config) -> dict[str, str]:
    """Return every setting under its dotted key, for MLflow's params, without what the run's tags say."""

    def walk(prefix: str, value: Any) -> dict[str, str]:
        if not isinstance(value, dict):
            return {prefix: str(value)}
        items = (walk(f"{prefix}.{key}" if prefix else str(key), item) for key, item in value.items())
        return {key: text for item in items for key, text in item.items()}

    return walk("", _without(plain(config), _TAGGED))


def digest(config: Config) -> str:
    """Return a short hash of everything that affects the computation: equal for two runs of the same experiment."""
    build = [] if config.backend.on_gpu else ["backend.build"]
    return _hash(plain(config), [*_INDIFFERENT, *build, *([] if config.task is Task.parity else ["parity"])])


def comparison(config: Config, variant: Sequence[str]) -> str:
    """Return a short hash that is equal for two runs that are comparable, given equal data and hardware.

    It covers the version of the measurement and whether the backend computes on a GPU, but nothing else of the backend,
    since a ranking compares several: `environment` covers the differences between runs of one backend.

    Args:
        config: the run's.
        variant: the overrides, KEY=VALUE, that its sweep varied besides the backend: they distinguish competitors, not
            rankings.
    """
    varied = [override.partition("=")[0].lstrip("+") for override in variant]
    device = {"device": "gpu"} if config.backend.on_gpu else {}
    return _hash(plain(config) | {"measurement": MEASUREMENT} | device, [*NOT_COMPARED, *varied])


def environment(backend: BackendConfig, proof: Mapping[str, Any], packages: str) -> str:
    """Return a short hash that is equal for two runs of one backend with the same software and configuration.

    Two runs that differ here are not repetitions of each other: their interpreter, a package's version, environment
    variables, fixes or tuning advice differ.

    Args:
        backend: as configured by its file and the command line.
        proof: the versions of Keras, the backend and Python that the environment reported.
        packages: every installed package with its version, one per line.
    """
    without = [*_NOT_OF_ENVIRONMENT, *([] if backend.on_gpu else ["build"])]
    settings = {name: value for name, value in asdict(backend).items() if name not in without}
    content = {"backend": _simple(settings), "proof": dict(proof), "packages": sorted(packages.split("\n"))}
    return _hash(_as_before(content), [])


def _without(settings: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    kept = copy.deepcopy(settings)
    for key in keys:
        *parents, name = key.split(".")
        node: Any = kept
        for parent in parents:
            node = node.get(parent, {})
        node.pop(name, None)
    return kept


def _as_before(settings: dict[str, Any]) -> dict[str, Any]:
    return _without(settings, [key for key, default in _ADDED.items() if _at(settings, key) == default])


def _at(settings: dict[str, Any], key: str) -> Any:
    node: Any = settings
    for name in key.split("."):
        node = node.get(name, {})
    return node


def _hash(settings: dict[str, Any], without: Sequence[str]) -> str:
    text = json.dumps(_without(settings, without), sort_keys=True)
    for folder in (cache_path(""), str(PROJECT)):  # locations do not matter
        text = text.replace(folder, "")
    return hashlib.sha256(text.encode()).hexdigest()[:16]
