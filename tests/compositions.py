"""Hydra for tests: it reads conf/ once for each choice of config groups, not once for each override or job."""

import functools
import pickle
from collections.abc import Callable
from typing import Any

import omegaconf.base
import pytest
from hydra import compose as hydra_compose
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository, IConfigRepository
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, grammar_parser

from kerasbench.config import composition
from kerasbench.paths import CONF


@functools.cache
def _chosen(folder: str, config: str, choices: tuple[str, ...]) -> bytes:
    return pickle.dumps(hydra_compose(config, list(choices)))  # loaded in a fifth of the time of a deep copy


def compose(config: str, overrides: list[str]) -> DictConfig:
    """Return what Hydra composes: its own code parses all overrides, and sets the values in a copy of the choices."""
    hydra = GlobalHydra.instance().hydra
    assert hydra
    loader = hydra.config_loader
    parsed = OverridesParser.create().parse_overrides(overrides)
    loader.validate_sweep_overrides_legal(parsed, RunMode.RUN, from_shell=False)  # type: ignore[attr-defined]
    values = [override for override in parsed if _is_value(loader, override)]
    choices = tuple(str(override.input_line) for override in parsed if not _is_value(loader, override))
    node: DictConfig = pickle.loads(_chosen(str(loader.get_search_path()), config, choices))
    ConfigLoaderImpl._apply_overrides_to_config(values, node)
    return node


def _is_value(loader: object, override: Override) -> bool:
    """Return whether an override sets a value: it chooses nothing from a config group, and none of Hydra's settings."""
    if override.package is not None or override.is_hydra_override():
        return False
    return not loader.repository.group_exists(override.key_or_group)  # type: ignore[attr-defined]


def remember(patched: pytest.MonkeyPatch) -> None:
    """Make Hydra keep what it reads and merges from conf/: each command and each job of a sweep composes anew."""
    patched.setattr(composition, "hydra_compose", compose)
    patched.setattr(ConfigRepository, "load_config", _remembered(ConfigRepository.load_config, _of_file))
    merge = "_compose_config_from_defaults_list"
    patched.setattr(ConfigLoaderImpl, merge, _remembered(getattr(ConfigLoaderImpl, merge), _of_merge))
    # Interpolations such as ${trainer.epochs}: OmegaConf parses each of them again for each reading of each copy.
    patched.setattr(omegaconf.base, "parse", functools.cache(grammar_parser.parse))


def _remembered(method: Callable[..., Any], key_of: Callable[..., str | None]) -> Callable[..., Any]:
    kept: dict[str, bytes] = {}

    @functools.wraps(method)
    def remembering(*given: Any, **named: Any) -> Any:
        key = key_of(*given, **named)
        if key is None:
            return method(*given, **named)
        if key not in kept:
            kept[key] = pickle.dumps(method(*given, **named))
        return pickle.loads(kept[key])

    return remembering


def _of_file(repository: ConfigRepository, config_path: str) -> str | None:
    return config_path if _is_conf(repository) else None


def _of_merge(loader: ConfigLoaderImpl, defaults: Any, repo: IConfigRepository) -> str | None:
    return repr(defaults) if _is_conf(repo) else None  # overrides of values come later


def _is_conf(repository: IConfigRepository) -> bool:
    """Return whether all files are of conf/ and of Hydra itself: others may change."""
    return [source.path for source in repository.get_sources() if source.scheme() == "file"] == [str(CONF)]
