"""Lets a path stand where Hydra expects a name: `model=./net.py:build` and `data=./table.csv`.

Hydra looks up a choice in its config sources. This one has a configuration for every choice that is written as a path;
names are left to the files in conf/.
"""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from kerasbench.config import own_choices


class OwnChoices(ConfigSource):
    """The config source of a user's own models and data."""

    @staticmethod
    def scheme() -> str:
        """Return the scheme of the source's address."""
        return "own"

    def available(self) -> bool:
        """Return True: it needs no files of its own."""
        return True

    def is_group(self, config_path: str) -> bool:
        """Return False: the groups are those of conf/."""
        return False

    def is_config(self, config_path: str) -> bool:
        """Return whether the choice is written as a path."""
        return own_choices.is_own(*_split(config_path))

    def load_config(self, config_path: str) -> ConfigResult:
        """Return the configuration of the user's own model or data."""
        content = OmegaConf.create(own_choices.content(*_split(config_path)))
        return ConfigResult(self.provider, self.full_path(), content, header={"package": None})

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """Return nothing: a user's files cannot be listed."""
        return []


class OwnChoicesSearchPath(SearchPathPlugin):
    """Adds the source to those that Hydra searches."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append the source."""
        search_path.append("kerasbench", "own://choices")


def _split(config_path: str) -> tuple[str, str]:
    group, _, choice = config_path.partition("/")
    return group, choice
