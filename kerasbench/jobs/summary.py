"""Summarises the runs of one command: tables, the comparison's page and its address."""

import os
import sys
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kerasbench.config.schema import Config, Task
from kerasbench.credentials import without_credentials
from kerasbench.paths import IMPORTED_FROM
from kerasbench.process import children
from kerasbench.store import pages
from kerasbench.tasks.outcome import Outcome, passing
from kerasbench.terminal import progress
from kerasbench.terminal.errors import TRACEBACKS, UserError, one_line


def summarise(outcomes: list[Outcome], sweep: str, config: Config, folder: Path) -> bool:
    """Print how the runs of one command ended and where to compare them; return whether all have finished.

    An unavailable store is only a warning: the runs are kept locally, and `kerasbench sync` uploads them.

    Args:
        outcomes: the outcomes of its jobs.
        sweep: the id that its runs share.
        config: the configuration of any of them.
        folder: the folder for the comparison's page.
    """
    console = progress.console()
    if config.task is Task.parity:
        console.print(_parity_table(outcomes))
    for outcome in outcomes:
        if outcome.failure and (config.task is Task.parity or not outcome.run_id):
            console.print(
                f"[red]{escape(outcome.competitor)} · {outcome.model} · seed {outcome.seed}: {escape(outcome.failure)}"
            )
    if any(outcome.run_id or outcome.status == "FINISHED" for outcome in outcomes):
        try:
            _compare(len(outcomes), sweep, config, folder, console)
        except UserError as error:
            console.print(f"[yellow]no comparison: {escape(one_line(error))}", soft_wrap=True)
    return all(outcome.status == "FINISHED" for outcome in outcomes)


def _compare(runs: int, sweep: str, config: Config, folder: Path, console: Console) -> None:
    """Print the comparison of a command's runs, and its address in MLflow's UI."""
    from kerasbench.store.tracking import open_store  # imports MLflow: not before the first worker runs

    store = open_store(config.tracking, artifacts=False)
    if config.task is Task.train:
        _print_comparison(sweep, config, folder if runs > 1 and config.report else None, console)
    pages.save(config.tracking, sweep)
    uri = without_credentials(config.tracking.uri)
    if uri.startswith("http"):
        told = f"To compare them, open\n{pages.comparison_url(store[1], sweep, uri)}"
    else:
        serving = pages.serve_command(config.tracking.uri, config.tracking.experiment)
        told = f"To compare them, run `{serving}`, then open\n{pages.comparison_url(store[1], sweep)}"
    console.print(told, soft_wrap=True, markup=False)


def _print_comparison(sweep: str, config: Config, page_folder: Path | None, console: Console) -> None:
    """Print the report's tables of a sweep; write its page, too, if a folder is given."""
    from kerasbench import report

    comparison = report.collect(config.tracking.uri, config.tracking.experiment, [sweep])
    for table in report.tables(comparison):
        console.print(table)
    if page_folder:
        _write_page(sweep, config, page_folder, console)


def _write_page(sweep: str, config: Config, folder: Path, console: Console) -> None:
    """Write the report's page and store it in MLflow, in another process, because drawing takes memory."""
    tracking = config.tracking
    command = [sys.executable, "-m", "kerasbench", "report", "--sweep", sweep, "--output", str(folder.resolve())]
    command += ["--experiment", tracking.experiment, *(["--run", summary] if (summary := config.sweep.summary) else [])]
    # The process runs in the user's folder, because the store's address may be relative to it.
    path = os.pathsep.join(filter(None, [str(IMPORTED_FROM), os.environ.get("PYTHONPATH")]))
    # The store's address may contain a password, and every user of the machine can read command lines.
    environment = os.environ | {"PYTHONPATH": path, "MLFLOW_TRACKING_URI": tracking.uri}
    if not TRACEBACKS:
        environment.pop("HYDRA_FULL_ERROR", None)  # set for Hydra, not by the user
    if children.run(command, env=environment).returncode:
        console.print("[yellow]the comparison's page could not be drawn; run `make report` to try again")


def _parity_table(outcomes: list[Outcome]) -> Table:
    """Return a table of backends by models, with the verdict and the largest deviation."""
    models = list(dict.fromkeys(outcome.model for outcome in outcomes))
    cells: dict[str, dict[str, list[Outcome]]] = {}
    for outcome in outcomes:
        cells.setdefault(outcome.competitor, {}).setdefault(outcome.model, []).append(outcome)
    table = Table("parity", *models, box=box.SIMPLE_HEAD)
    for competitor, row in cells.items():
        table.add_row(escape(competitor), *(_parity_cell(row.get(model, [])) for model in models))
    return table


def _parity_cell(outcomes: list[Outcome]) -> str:
    """Return the verdict on all runs of a cell, of every seed and data set: it fails if any of them fails."""
    if not outcomes:
        return ""
    failed = sum(outcome.status != "FINISHED" for outcome in outcomes)
    verdict = "[red]FAIL[/]" if failed else "[green]pass[/]"
    if failed and len(outcomes) > 1:
        verdict += f" ({failed} of {len(outcomes)})"
    deviations = [outcome.deviation for outcome in outcomes if outcome.deviation is not None]
    if not deviations:
        return verdict
    passes = passing(max(deviations))  # the smallest tolerance, a power of ten, at which the cell passes
    return f"{verdict} {max(deviations):.0e}" + (f" < {passes:.0e}" if passes else "")
