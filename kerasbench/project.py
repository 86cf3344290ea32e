"""Starts the sweep for `mlflow run .`, independent of the run that mlflow creates for the project itself.

It imports only the standard library and runs on any Python 3, because with `--env-manager local` the interpreter is
the first `python` on the PATH.
"""

import argparse
import importlib.util
import os
import shlex
import sys
from typing import Dict

from kerasbench.paths import PROJECT

_MLFLOW_DEFAULT_URI = "sqlite:///mlflow.db"  # what mlflow exports if the user names no store


def main() -> None:
    """Replace this process with `train.py -m` and the project's parameters."""
    parser = argparse.ArgumentParser(prog="python -m kerasbench.project", description=__doc__)
    parser.add_argument("--backend", required=True, help="backends, separated by commas")
    parser.add_argument("--model", required=True, help="models, separated by commas")
    parser.add_argument("--overrides", default="", help="further overrides of train.py, separated by spaces")
    options = parser.parse_args()
    overrides = [f"backend={options.backend}", f"model={options.model}", *shlex.split(options.overrides)]
    python = _interpreter()
    os.chdir(PROJECT)
    os.execve(python, [python, "train.py", "-m", *overrides], environment(dict(os.environ)))


def environment(variables: Dict[str, str]) -> Dict[str, str]:
    """Return the variables without mlflow's own run, which our runs would take over and fail.

    MLflow's default store is dropped, too, so that runs go where `train.py` puts them; a store that the user names is
    kept.
    """
    dropped = {"MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID"}
    if variables.get("MLFLOW_TRACKING_URI") == _MLFLOW_DEFAULT_URI:
        dropped.add("MLFLOW_TRACKING_URI")
    return {name: value for name, value in variables.items() if name not in dropped}


def _interpreter() -> str:
    """Return this interpreter if it has the driver's packages, else that of .venv."""
    if importlib.util.find_spec("hydra") and importlib.util.find_spec("mlflow"):
        return sys.executable
    own = PROJECT / ".venv" / "bin" / "python"
    if own.exists():
        return str(own)
    sys.exit(
        f"error: {sys.executable} lacks the driver's packages. Run `make setup`, or leave out --env-manager local."
    )


if __name__ == "__main__":
    main()
