"""List, set up or remove the backends' environments."""

import argparse
from pathlib import Path

from rich.table import Table

from kerasbench import environments
from kerasbench.config import composition
from kerasbench.environments import Specification, sizes
from kerasbench.paths import CONF
from kerasbench.process.interruption import interruptible
from kerasbench.terminal.progress import Progress


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    names = sorted(path.stem for path in (CONF / "backend").glob("*.yaml"))
    parser = argparse.ArgumentParser(prog="kerasbench environments", description=__doc__)
    parser.add_argument("action", choices=["list", "setup", "remove"], help="what to do with the environments")
    parser.add_argument("backend", nargs="*", metavar="NAME", help=f"one of {', '.join(names)} (default: all)")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.backend) - set(names))
    if unknown:
        parser.error(f"unknown backend: {', '.join(unknown)}; choose from {', '.join(names)}")
    with interruptible():
        configs = [composition.compose([f"backend={name}", "data.root=null"]) for name in options.backend or names]
        chosen = [Specification.of(config) for config in configs]
        if not options.backend and options.action == "setup":
            chosen = [one for one in chosen if one.runs_here]
        progress = Progress()
        try:
            {"list": _list, "setup": _setup, "remove": _remove}[options.action](chosen, progress)
        finally:
            progress.stop()


def _list(chosen: list[Specification], progress: Progress) -> None:
    table = Table("backend", "build", "state", "Keras", "backend version", "Python", "MiB", "own MiB", "folder")
    for one in chosen:
        found = environments.installed(one)
        if found:
            proof = found.proof
            versions = (proof["keras_version"], proof["backend_version"], proof["python_version"])
            table.add_row(
                one.backend.name,
                one.backend.build,
                "[green]ready" if environments.ready(one) else "[yellow]to be proven",
                *versions,
                *_mebibytes(found.folder),
                found.folder.name,
            )
        else:
            state = "not set up" if one.runs_here else "no build for this platform"
            table.add_row(one.backend.name, one.backend.build, state, "", "", one.backend.python, "", "", "")
    progress.console.print(table)


def _mebibytes(folder: Path) -> tuple[str, str]:
    """Return the size of its files, and of those that it does not share with uv's cache or another environment."""
    size = sizes.on_disk(folder)
    return f"{size.apparent / 2**20:.0f}", f"{size.own / 2**20:.0f}"


def _setup(chosen: list[Specification], progress: Progress) -> None:
    environments.provision_all(chosen, progress.announcing)
    for one in chosen:
        found = environments.ready(one)
        if found:
            progress.lasting(f"{one.backend.name}: {found.folder}")


def _remove(chosen: list[Specification], progress: Progress) -> None:
    for one in chosen:
        for folder in environments.remove(one.backend, one.cache):
            progress.lasting(f"{one.backend.name}: removed {folder}")


if __name__ == "__main__":
    main()
