"""Manage the backends' environments: `python -m kerasbench.environments list|setup|remove [NAME...]`."""

import argparse
from pathlib import Path

from rich.table import Table

from kerasbench import environments
from kerasbench.config import composition
from kerasbench.config.schema import Config
from kerasbench.paths import CONF
from kerasbench.process.interruption import interruptible
from kerasbench.terminal.errors import reporting
from kerasbench.terminal.progress import Progress


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    names = sorted(path.stem for path in (CONF / "backend").glob("*.yaml"))
    parser = argparse.ArgumentParser(prog="python -m kerasbench.environments", description=__doc__)
    parser.add_argument("action", choices=["list", "setup", "remove"], help="what to do with the environments")
    parser.add_argument("backend", nargs="*", metavar="NAME", help=f"of {', '.join(names)} (default: all)")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.backend) - set(names))
    if unknown:
        parser.error(f"no such backend: {', '.join(unknown)}; there are {', '.join(names)}")
    with interruptible(), reporting():
        chosen = [composition.compose([f"backend={name}", "data.root=null"]) for name in options.backend or names]
        progress = Progress()
        try:
            {"list": _list, "setup": _setup, "remove": _remove}[options.action](chosen, progress)
        finally:
            progress.stop()


def _list(chosen: list[Config], progress: Progress) -> None:
    table = Table("backend", "state", "Keras", "backend version", "Python", "folder")
    for one in chosen:
        found = environments.ready(one.backend, Path(one.environments.folder))
        if found:
            proof = found.proof
            versions = (proof["keras_version"], proof["backend_version"], proof["python_version"])
            table.add_row(one.backend.name, "[green]ready", *versions, found.folder.name)
        else:
            table.add_row(one.backend.name, "not set up", "", "", one.backend.python, "")
    progress.console.print(table)


def _setup(chosen: list[Config], progress: Progress) -> None:
    for one in chosen:
        environment = environments.provision(
            one.backend, Path(one.environments.folder), progress.announcing(one.backend.name)
        )
        progress.lasting(f"{one.backend.name}: {environment.folder}")


def _remove(chosen: list[Config], progress: Progress) -> None:
    for one in chosen:
        for folder in environments.remove(one.backend, Path(one.environments.folder)):
            progress.lasting(f"{one.backend.name}: removed {folder}")


if __name__ == "__main__":
    main()
