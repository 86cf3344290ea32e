"""When two runs are the same experiment, and when they may be compared."""

import copy
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from enum import Enum
from typing import Any

from kerasbench.config.schema import Config, Task
from kerasbench.credentials import without_credentials
from kerasbench.paths import PROJECT

# Settings, and groups of them, that decide nothing which is computed or measured.
_INDIFFERENT = (
    "tracking",
    "environments",
    "backend.colour",
    "backend.platforms",
    "backend.marker",
    "data.root",
    "data.cache",
    "repeats",
    "label",
    "objective",
    "report",
    "quiet",
)
# What runs of one ranking need not have in common: backend and seed tell competitors and rounds apart, and the digest
# tells the data apart, wherever they come from.
NOT_COMPARED = (*_INDIFFERENT, "parity", "backend", "seed", "data.source")


def plain(config: Config) -> dict[str, Any]:
    """Return the configuration as dicts, lists, strings and numbers, for all to read: without credentials."""

    def simple(value: Any) -> Any:
        if isinstance(value, str):
            return without_credentials(value)
        if isinstance(value, dict):
            return {key: simple(item) for key, item in value.items()}
        return value.name if isinstance(value, Enum) else value

    return {key: simple(value) for key, value in asdict(config).items()}


def flat(config: Config) -> dict[str, str]:
    """Return every setting under its dotted key, for MLflow's params."""

    def walk(prefix: str, value: Any) -> dict[str, str]:
        if not isinstance(value, dict):
            return {prefix: str(value)}
        items = (walk(f"{prefix}.{key}" if prefix else str(key), item) for key, item in value.items())
        return {key: text for item in items for key, text in item.items()}

    return walk("", plain(config))


def digest(config: Config) -> str:
    """Return a short hash of all that decides what is computed: equal for two runs of the same experiment."""
    return _hash(plain(config), [*_INDIFFERENT, *([] if config.task is Task.parity else ["parity"])])


def comparison(config: Config, variant: Sequence[str]) -> str:
    """Return a short hash that is equal for two runs that may be put in one ranking, on equal data and hardware.

    Args:
        config: the run's.
        variant: the overrides, KEY=VALUE, that its sweep varied on purpose, besides the backend: they tell competitors
            apart, not rankings.
    """
    varied = [override.partition("=")[0].lstrip("+") for override in variant]
    return _hash(plain(config), [*NOT_COMPARED, *varied])


def _hash(settings: dict[str, Any], without: Sequence[str]) -> str:
    kept = copy.deepcopy(settings)
    for key in without:
        *parents, name = key.split(".")
        node: Any = kept
        for parent in parents:
            node = node.get(parent, {})
        node.pop(name, None)
    text = json.dumps(kept, sort_keys=True).replace(str(PROJECT), "")
    return hashlib.sha256(text.encode()).hexdigest()[:16]
