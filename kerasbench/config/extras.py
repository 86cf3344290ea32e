"""Hydra's launchers and sweepers that come with the package's optional extras."""

import re
import sys
from importlib.metadata import requires
from importlib.util import find_spec

from kerasbench.terminal.errors import UserError

_MODULES = {
    "joblib": "hydra_plugins.hydra_joblib_launcher",
    "slurm": "hydra_plugins.hydra_submitit_launcher",
    "optuna": "hydra_plugins.hydra_optuna_sweeper",
}


def check(extra: str, asked: str) -> None:
    """Raise UserError, with the command that installs it, if an extra that the user asks for is missing."""
    if find_spec(_MODULES[extra]):
        return
    found = (re.fullmatch(rf"(.*?) *; *extra == ['\"]{extra}['\"]", one) for one in requires("kerasbench") or [])
    packages = " ".join(match[1] for match in found if match)
    raise UserError(f"{asked} needs the extra `{extra}`: install it with {sys.executable} -m pip install {packages}")
