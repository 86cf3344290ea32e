"""`python -m kerasbench.report`: the comparison, from the MLflow store alone."""

import argparse
from functools import partial
from pathlib import Path

from kerasbench.paths import work_path
from kerasbench.process.garbage import collected_later
from kerasbench.process.interruption import interruptible
from kerasbench.report import collect, drawers, log, write
from kerasbench.report.formats import FORMATS


def main(arguments: list[str] | None = None) -> None:
    """Write the page and its plots and keep them in MLflow, or print the figures in another format."""
    parser = argparse.ArgumentParser(prog="kerasbench report", description=main.__doc__)
    parser.add_argument("--uri", help="the MLflow store (default: MLFLOW_TRACKING_URI, else mlruns/mlflow.db)")
    parser.add_argument("--experiment", help="its experiment (default: keras-backends)")
    parser.add_argument(
        "--sweep", nargs="+", default=[], metavar="ID", help="only these sweeps (default: all runs of the experiment)"
    )
    parser.add_argument(
        "--accuracy",
        type=_accuracy,
        metavar="SHARE",
        help="tell the seconds to this validation accuracy, such as 0.97 (default: the highest that most reach)",
    )
    parser.add_argument(
        "--output", type=Path, default=Path(work_path("outputs/report")), help="default: outputs/report"
    )
    parser.add_argument("--format", choices=["html", *FORMATS], default="html", help="all but html are printed")
    parser.add_argument("--no-log", action="store_true", help="do not keep the page in MLflow")
    parser.add_argument(
        "--run", default="", metavar="ID", help="keep the page in this run of the store (default: in a run of its own)"
    )
    options = parser.parse_args(arguments)
    from kerasbench.config.composition import store  # Hydra: the processes that draw import this module, too

    with interruptible(), collected_later():
        tracking = store(options.uri, options.experiment)
        read = partial(collect, tracking.uri, tracking.experiment, options.sweep, options.accuracy)
        if options.format != "html":
            print(FORMATS[options.format](read()), end="")
            return
        with drawers() as pool:
            report = read()
            written = write(report, options.output.resolve(), pool)
        print(f"The report is {written.page} (its plots: {written.plots})")
        if not options.no_log:
            print(f"It is also kept in MLflow, as run `{log(report, written, tracking, options.run)}`")


def _accuracy(text: str) -> float:
    share = float(text)
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no share of the examples: more than 0, at most 1")
    return share


if __name__ == "__main__":
    main()
