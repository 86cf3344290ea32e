"""Lets the files of conf/hydra/launcher/ be the launchers' settings.

Hydra would check each of them against the settings of the same name that it and its plugins have registered.
"""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.plugins.search_path_plugin import SearchPathPlugin

from kerasbench.paths import CONF


class LauncherFiles(SearchPathPlugin):
    """Removes what has been registered; Hydra calls it when all plugins are there."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Leave the search path as it is."""
        registered = ConfigStore.instance().repo["hydra"]["launcher"]
        for file in (CONF / "hydra" / "launcher").glob("*.yaml"):
            registered.pop(file.name, None)
