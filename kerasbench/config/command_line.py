"""Checks overrides as written, where Hydra would misread them or fail with an unclear error."""

import functools
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, Override, RangeSweep
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from kerasbench.config import extras
from kerasbench.config.schema import Config
from kerasbench.paths import CONF
from kerasbench.terminal.errors import UserError

_CHOSEN = ("backend", "model", "data")  # config groups from which each run needs one choice
_TEXTS = ("backend.variables.", "backend.tuned.variables.")
_DEEPEST = 50  # brackets in one override; Hydra's parser is recursive
_FREE = (
    "model.build", "model.optimizer", "model.schedule", "data.options", "backend.variables", "backend.tuned.variables",
)  # fmt: skip


def overrides(hydra: Any) -> list[str]:
    """Return the overrides of the command line as typed: `${...}` in them is resolved only where it is used."""
    typed = OmegaConf.to_container(hydra.overrides.task, resolve=False)
    assert isinstance(typed, list)
    return typed


def check(arguments: Sequence[str]) -> None:
    """Raise UserError for an override that Hydra would misread.

    Args:
        arguments: the command line's, including flags; those that Hydra cannot parse are left to Hydra.
    """
    for argument in arguments:
        if argument.startswith("-") or ("=" not in argument and not argument.startswith("~")):
            continue  # a flag or its value
        if sum(map(argument.count, "[{(")) > _DEEPEST:
            raise UserError(f"{argument[:40]}... is nested too deeply")
        try:
            override = OverridesParser.create().parse_override(argument)
        except HydraException:
            continue
        _check(override)


def adding(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with `++` before every key that may be added: Hydra requires it where the key is new."""
    return [f"++{argument}" if _is_free(argument) else argument for argument in arguments]


def _is_free(argument: str) -> bool:
    key = argument.partition("=")[0]
    return "=" in argument and (key in _FREE or key.startswith(tuple(f"{free}." for free in _FREE)))


def _check(override: Override) -> None:
    key = str(override.key_or_group)
    if not key.strip():
        raise UserError(f"{override.input_line}: there is no key before the `=`")
    if key == "hydra/sweeper" and override.value() == "optuna":
        extras.check("optuna", override.input_line or key)
    if key in _CHOSEN and override.package is None:
        return _choice(override, key)
    if override.is_delete():
        if not key.startswith(tuple(f"{free}." for free in _FREE)) and not _is_group(key):
            raise UserError(f"{override.input_line}: a setting cannot be deleted")
        return None
    field = str if key.startswith(_TEXTS) else _field(key)
    for value in _values(override):
        if field is str and isinstance(value, bool | int | float) and str(value) not in _written(override):
            raise UserError(f"{override.input_line} would be read as {value}: quote it, \"{key}='...'\"")
        if field is bool and isinstance(value, int) and not isinstance(value, bool) and value not in (0, 1):
            raise UserError(f"{override.input_line} must be true or false")
    return None


def _choice(override: Override, group: str) -> None:
    names = sorted(path.stem for path in (CONF / group).glob("*.yaml"))
    values = _values(override)
    if override.is_delete() or any(not isinstance(value, str) or not value.strip() for value in values):
        raise UserError(f"{override.input_line} chooses no {group}; there are: {', '.join(names)}")


def _is_group(key: str) -> bool:
    """Return whether the key names a config group."""
    return "/" in key or (CONF / PurePosixPath(key).name).is_dir()


def _values(override: Override) -> list[Any]:
    value = override.value()
    if isinstance(value, ChoiceSweep):
        return [getattr(one, "text", one) for one in value.list]
    if isinstance(value, RangeSweep | Glob):
        return []
    return [getattr(value, "text", value)]


def _written(override: Override) -> list[str]:
    """Return the values as written."""
    text = str(override.input_line).partition("=")[2]
    return [one.strip() for one in text.replace("(", ",").replace(")", ",").split(",")]


@functools.cache
def _schema() -> DictConfig:
    schema: DictConfig = OmegaConf.structured(Config)
    return schema


def _field(key: str) -> type | None:
    """Return the type of a setting; None if the schema has no such setting."""
    node: Any = _schema()
    for part in key.split("."):
        fields = getattr(OmegaConf.get_type(node), "__dataclass_fields__", ())
        node = node._get_node(part) if part in fields else None
    return node._metadata.ref_type if node is not None else None
