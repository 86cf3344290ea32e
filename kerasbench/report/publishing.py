"""Writes the page and its plots to a folder, and keeps them in MLflow as a run of their own."""

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kerasbench.report import verdicts
from kerasbench.report.results import Report
from kerasbench.store.notes import NOTE, escaped, prose
from kerasbench.vocabulary import Kind, Tag

if TYPE_CHECKING:
    from kerasbench.config.schema import TrackingConfig
    from kerasbench.store.tracking import TrackedRun

PAGE, PLOTS = "report.html", "plots"
_LONGEST_NOTE = 4000  # characters


@dataclass(frozen=True)
class Written:
    """The files of a report: its page, and the folder of its plots."""

    page: Path
    plots: Path


@contextlib.contextmanager
def drawers() -> Iterator[Executor]:
    """Start two processes that draw; they import matplotlib once, while the store is being read."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([f"{__package__}.plots"])
    with ProcessPoolExecutor(2, processes, _end_with_the_command) as pool:
        pool.submit(int)  # starts them
        yield pool


def _end_with_the_command() -> None:
    """In a process that draws: end when the command has ended, even by SIGKILL."""
    command = multiprocessing.parent_process()
    assert command is not None

    def wait() -> None:
        command.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def write(report: Report, folder: Path, pool: Executor | None = None) -> Written:
    """Write the page, and a PNG and an SVG of each plot, into a folder; plots of an earlier report are deleted.

    Args:
        report: what the page shows.
        folder: created if it does not exist.
        pool: the processes that draw the plots of the rankings; None: this one.
    """
    from kerasbench.report import page, plots  # matplotlib and Jinja2 take a second to import

    general, own = plots.draw(report, pool)
    written = Written(folder / PAGE, folder / PLOTS)
    written.plots.mkdir(parents=True, exist_ok=True)
    for old in [*written.plots.glob("*.svg"), *written.plots.glob("*.png")]:
        old.unlink()
    for plot in [*general, *(plot for some in own.values() for plot in some)]:
        (written.plots / f"{plot.name}.svg").write_text(plot.svg)
        (written.plots / f"{plot.name}.png").write_bytes(plot.png)
    written.page.write_text(page.render(report, general, own))
    return written


def log(report: Report, written: Written, tracking: "TrackingConfig", run_id: str = "") -> str:
    """Keep the page and its plots as artifacts of a run, where MLflow's UI shows them; return the run's name.

    Args:
        report: what the page shows.
        written: its files.
        tracking: the store.
        run_id: of an existing run to keep them in, which goes on; empty: a run of their own.
    """
    from kerasbench.store.tracking import TrackedRun, open_store

    tags = {Tag.KIND: Kind.REPORT, NOTE: _note(report)}
    if len(report.sweeps) == 1:
        tags[Tag.SWEEP] = report.sweeps[0]
    name = f"report · {report.subject}"
    if run_id:
        tracked = TrackedRun(open_store(tracking), "", {}, run_id=run_id)
        tracked.tags(tags)
        _keep(written, tracked)
        return run_id
    with TrackedRun(open_store(tracking), name, tags) as tracked:
        _keep(written, tracked)
    return name


def _keep(written: Written, tracked: "TrackedRun") -> None:
    tracked.artifact(written.page)
    tracked.artifact(written.plots)


def _note(report: Report) -> str:
    lines = [f"- **{escaped(one.title)}**: {prose(verdicts.sentence(one))}" for one in report.rankings]
    note = "\n".join([*lines, "", f"The report is the artifact `{PAGE}`."])
    return note if len(note) <= _LONGEST_NOTE else f"{note[:_LONGEST_NOTE]} ..."
