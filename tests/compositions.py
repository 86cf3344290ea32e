"""Hydra's `compose` for tests: it reads conf/ once for each choice of config groups, not once for each override."""

import copy
import functools

from hydra import compose as hydra_compose
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig


@functools.cache
def _chosen(folder: str, config: str, choices: tuple[str, ...]) -> DictConfig:
    return hydra_compose(config, list(choices))


def compose(config: str, overrides: list[str]) -> DictConfig:
    """Return what Hydra composes: its own code parses all overrides, and sets the values in a copy of the choices."""
    hydra = GlobalHydra.instance().hydra
    assert hydra
    loader = hydra.config_loader
    parsed = OverridesParser.create().parse_overrides(overrides)
    loader.validate_sweep_overrides_legal(parsed, RunMode.RUN, from_shell=False)  # type: ignore[attr-defined]
    values = [override for override in parsed if _is_value(loader, override)]
    choices = tuple(str(override.input_line) for override in parsed if not _is_value(loader, override))
    node = copy.deepcopy(_chosen(str(loader.get_search_path()), config, choices))
    ConfigLoaderImpl._apply_overrides_to_config(values, node)
    return node


def _is_value(loader: object, override: Override) -> bool:
    """Return whether an override sets a value: it chooses nothing from a config group, and none of Hydra's settings."""
    if override.package is not None or override.is_hydra_override():
        return False
    return not loader.repository.group_exists(override.key_or_group)  # type: ignore[attr-defined]
