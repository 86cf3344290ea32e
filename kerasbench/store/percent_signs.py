"""Lets MLflow work in an environment whose path contains `%`, as in a folder named `50% done`.

MLflow 3.17 passes the folder of its migrations unescaped to alembic, whose configuration takes `%` for the beginning
of a reference. The processes of MLflow's server need this module, too: `make setup` adds a .pth file that imports it
in every process of such an environment.
"""

import configparser
from typing import Any

_before_set = configparser.BasicInterpolation.before_set


def _before_set_escaping(
    interpolation: configparser.BasicInterpolation, parser: Any, section: str, option: str, value: str
) -> str:
    try:
        return _before_set(interpolation, parser, section, option, value)
    except ValueError:
        return value.replace("%", "%%")


configparser.BasicInterpolation.before_set = _before_set_escaping  # type: ignore[assignment, method-assign]
