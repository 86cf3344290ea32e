"""The console command: `kerasbench train|report|ui|environments|reference|sync`, also as `python -m kerasbench`."""

import importlib
import sys

from kerasbench.terminal import streams

COMMANDS = {
    "train": ("kerasbench.jobs.command", "train a model on a backend; with -m, every combination of choices"),
    "report": ("kerasbench.report.__main__", "draw or print the comparison of the runs in the store"),
    "ui": ("kerasbench.store.ui", "serve MLflow's pages, and print the one that compares the last sweep"),
    "environments": ("kerasbench.environments.__main__", "list, set up or remove the backends' environments"),
    "reference": ("kerasbench.store.reference", "print the figures published in 2017, or put them into the store"),
    "sync": ("kerasbench.store.sync", "hand runs that were kept locally on to the store"),
}


def main() -> None:
    """Run one of the commands; each has a --help of its own."""
    streams.prepare()
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("-h", "--help"):
        print(_usage())
    elif name in COMMANDS:
        # As if the command had been called by itself: Hydra reads sys.argv, now and in a launcher's other process.
        sys.argv = [f"{sys.argv[0]} {name}", *sys.argv[2:]]
        importlib.import_module(COMMANDS[name][0]).main()
    else:
        print(f"error: there is no command {name!r}; there are: {', '.join(COMMANDS)}", file=sys.stderr)
        raise SystemExit(2)


def _usage() -> str:
    lines = [f"  {name:13} {what}" for name, (_, what) in COMMANDS.items()]
    return "\n".join(["usage: kerasbench COMMAND [--help] ...", "", "Commands:", *lines])


if __name__ == "__main__":
    main()
