"""The entry points of `mlflow run`: each becomes a command of kerasbench, and mlflow's own run keeps what it finds.

Before it has found the driver's packages, it imports only the standard library and runs on any Python 3, because with
`--env-manager local` the interpreter is the first `python` on the PATH.
"""

import argparse
import importlib.util
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Dict, List, Optional

_PROJECT = Path(__file__).resolve().parent.parent
_DEFAULT_EXPERIMENT = "0"  # MLflow's id of the one that it takes if none is named
_OF_MLFLOWS_RUN = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID")


def main() -> None:
    """Do what an entry point of MLproject does."""
    options = _parser().parse_args()
    _need_the_drivers_packages()
    from kerasbench import __main__ as console
    from kerasbench.terminal import streams
    from kerasbench.terminal.errors import reporting

    streams.prepare()
    with reporting():
        sys.argv = ["kerasbench", *command(options, dict(os.environ))]
    for name in _OF_MLFLOWS_RUN:  # no run of ours is mlflow's run continued
        os.environ.pop(name, None)
    console.main()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kerasbench.project", description=__doc__)
    entries = parser.add_subparsers(dest="entry")
    entries.required = True
    for name in ("main", "parity"):
        sweep = entries.add_parser(name)
        sweep.add_argument("--backend", required=True, help="backends, separated by commas")
        sweep.add_argument("--model", required=True, help="models, separated by commas")
        sweep.add_argument("--overrides", default="", help="further overrides of train.py, separated by spaces")
    report = entries.add_parser("report")
    report.add_argument("--sweep", default="", help="the sweep's id; empty: all runs")
    report.add_argument("--options", default="", help="further options of `kerasbench report`, separated by spaces")
    ui = entries.add_parser("ui")
    ui.add_argument("--sweep", default="", help="the sweep's id; empty: the last one")
    ui.add_argument("--port", default="5000", help="the port to serve on")
    return parser


def command(options: argparse.Namespace, variables: Dict[str, str]) -> List[str]:
    """Return the command of kerasbench, as words.

    The store is the one in which mlflow has made its run, and so is the experiment, unless it is MLflow's default one.

    Args:
        options: the entry point, and its parameters.
        variables: the environment variables in which mlflow names its run, and that run's store and experiment.
    """
    run, experiment = variables.get("MLFLOW_RUN_ID", ""), _experiment(variables)
    if options.entry in ("main", "parity"):
        task = ["task=parity"] if options.entry == "parity" else []
        where = ["tracking.experiment={}".format(_quoted(experiment))] if experiment else []
        summary = ["sweep.summary={}".format(run)] if run else []
        chosen = ["backend={}".format(options.backend), "model={}".format(options.model)]
        return [
            "train",
            "-m",
            *task,
            *chosen,
            *where,
            *_artifacts(variables),
            *summary,
            *shlex.split(options.overrides),
        ]
    shown = [
        *(["--sweep", options.sweep] if options.sweep else []),
        *(["--experiment", experiment] if experiment else []),
    ]
    if options.entry == "ui":
        return ["ui", *shown, "--port", options.port]
    return ["report", *shown, *(["--run", run] if run else []), *shlex.split(options.options)]


def _experiment(variables: Dict[str, str]) -> Optional[str]:
    """Return the name of the experiment that mlflow's user chose; None if mlflow took its default one."""
    number = variables.get("MLFLOW_EXPERIMENT_ID", _DEFAULT_EXPERIMENT)
    if number == _DEFAULT_EXPERIMENT:
        return None
    from kerasbench.store.summary import experiment_named

    return experiment_named(variables["MLFLOW_TRACKING_URI"], number)


def _artifacts(variables: Dict[str, str]) -> List[str]:
    """Return where a new experiment of a SQLite store keeps its files, if the checkout is only a temporary folder."""
    from kerasbench.paths import FETCHED

    uri = variables.get("MLFLOW_TRACKING_URI", "")
    if not FETCHED or not uri.startswith("sqlite:///"):
        return []
    from kerasbench.store.access import sqlite_file

    database = sqlite_file(uri)
    return ["tracking.artifacts={}".format(_quoted(str(database.parent / "mlruns" / "artifacts")))] if database else []


def _quoted(value: str) -> str:
    """Return a value as Hydra's grammar quotes it."""
    return "'{}'".format(re.sub(r"(\\*)('|$)", lambda found: 2 * found[1] + ("\\'" if found[2] else ""), value))


def _need_the_drivers_packages() -> None:
    """Continue in the interpreter of .venv, if this one lacks the driver's packages."""
    if importlib.util.find_spec("hydra") and importlib.util.find_spec("mlflow"):
        return
    own = _PROJECT / ".venv" / "bin" / "python"
    if not own.exists() or Path(sys.prefix) == own.parent.parent:
        sys.exit(
            "error: {} lacks the driver's packages. Run `make setup`, or leave out --env-manager local.".format(
                sys.executable
            )
        )
    os.execv(str(own), [str(own), "-m", "kerasbench.project", *sys.argv[1:]])


if __name__ == "__main__":
    main()
