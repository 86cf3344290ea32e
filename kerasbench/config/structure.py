"""Checks that a configuration has the schema's structure, where OmegaConf does not check it."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any, get_args, get_origin, get_type_hints

from omegaconf import DictConfig, OmegaConf

from kerasbench.config.schema import Config
from kerasbench.terminal.errors import UserError

_OF_HYDRA = ("hydra", "hydra.env")  # added by Hydra itself


def known_keys(node: DictConfig) -> None:
    """Raise UserError for an added key (`+key=`, `++key=`) that nothing reads."""
    for key in _unknown(node, ""):
        near = get_close_matches(key, [*_keys(OmegaConf.structured(Config), "")], n=1)
        raise UserError(f"there is no setting {key}{f'; did you mean {near[0]}?' if near else ''}")


def _unknown(node: DictConfig, prefix: str) -> Iterator[str]:
    kind = OmegaConf.get_type(node)
    if not is_dataclass(kind) or "_target_" in node:
        return  # a free-form dict, or the arguments of one of Hydra's plugins, which refuses unknown ones itself
    for key in map(str, node):
        if key not in kind.__dataclass_fields__ and f"{prefix}{key}" not in _OF_HYDRA:
            yield f"{prefix}{key}"
        elif isinstance(child := node._get_node(key), DictConfig) and not (child._is_none() or child._is_missing()):
            yield from _unknown(child, f"{prefix}{key}.")


def _keys(node: DictConfig, prefix: str) -> Iterator[str]:
    for key in map(str, node):
        child = node._get_node(key)
        yield from _keys(child, f"{prefix}{key}.") if isinstance(child, DictConfig) else [f"{prefix}{key}"]


def containers(node: Any, prefix: str = "") -> None:
    """Raise UserError for a section, list or dict of another type: OmegaConf does not check their interpolations."""
    hints = get_type_hints(type(node))
    for field in fields(node):
        key, value, hint = f"{prefix}{field.name}", getattr(node, field.name), hints[field.name]
        kind = get_origin(hint) or hint
        if not (is_dataclass(kind) or kind in (list, dict)):
            continue
        assert isinstance(kind, type)
        items = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
        of = get_args(hint)[-1:]
        if not isinstance(value, kind) or (of == (str,) and not all(isinstance(item, str) for item in items)):
            raise UserError(f"{key} is not a {kind.__name__}{' of strings' if of == (str,) else ''}")
        if is_dataclass(kind):
            containers(value, f"{key}.")
