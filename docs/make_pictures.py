"""`make pictures`: makes the README's table and pictures from real runs in the store.

The table goes into the README between its two markers. Chromium takes screenshots of the report and of MLflow.
"""

import argparse
import re
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize, sync_playwright
from rich.console import Console

from kerasbench import report
from kerasbench.config.composition import compose
from kerasbench.paths import CONF, PROJECT
from kerasbench.report.results import Report
from kerasbench.store import pages, ui
from kerasbench.store.tracking import open_store
from kerasbench.terminal.errors import UserError, reporting

PICTURES = PROJECT / "docs" / "pictures"
README = PROJECT / "README.md"
_OF_REPORT: ViewportSize = {"width": 1280, "height": 1900}
_OF_MLFLOW: ViewportSize = {"width": 1720, "height": 960}
_COLUMNS = 130  # of the table
_BEGIN, _END = "<!-- results: make pictures -->", "<!-- end of results -->"


def main() -> None:
    """Make the table and the pictures from one sweep, in which every backend must have finished."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--sweep", help="its id (default: the last)")
    options = parser.parse_args()
    with reporting(), sync_playwright() as playwright:
        tracking = compose([]).tracking
        store = ui.Store(tracking.uri, *open_store(tracking))
        sweep = store.sweep(options.sweep)
        if sweep is None:
            raise UserError(f"{tracking.uri} holds no sweep yet: run one of all backends")
        comparison = report.collect(tracking.uri, tracking.experiment, [sweep])
        _check(comparison, sweep)
        executable = shutil.which("chromium")
        if executable is None:
            raise UserError("chromium is not on the PATH: install Debian's package `chromium`")
        browser = playwright.chromium.launch(executable_path=executable)
        PICTURES.mkdir(exist_ok=True)
        _tell(comparison)
        _photograph_report(browser, comparison)
        pages.save(tracking, sweep)
        with ui.serving(store) as (server, _):
            _photograph_mlflow(browser, pages.comparison_url(store.experiment_id, sweep, server))
        print(f"made from sweep {sweep}: the pictures in {PICTURES} and the table in {README}")


def _check(comparison: Report, sweep: str) -> None:
    finished = {cell.backend for ranking in comparison.rankings for cell in ranking.cells if cell.samples}
    missing = {path.stem for path in (CONF / "backend").glob("*.yaml")} - finished
    if missing:
        raise UserError(
            f"sweep {sweep} has no finished run of {', '.join(sorted(missing))}: choose another sweep with --sweep"
        )


def _tell(comparison: Report) -> None:
    """Write the tables, as the terminal shows them, between the README's markers."""
    with Path("/dev/null").open("w") as nowhere:
        console = Console(width=_COLUMNS, record=True, file=nowhere)
        for table in report.tables(comparison):
            console.print(table)
    lines = [f"    {line}".rstrip() for line in console.export_text().rstrip().splitlines()]
    block = "\n".join([_BEGIN, "", *lines, "", _END])
    text, count = re.subn(f"{_BEGIN}.*{_END}", lambda _: block, README.read_text(), flags=re.DOTALL)
    if count != 1:
        raise UserError(f"{README} does not have the markers {_BEGIN} and {_END} once each")
    README.write_text(text)


def _photograph_report(browser: Browser, comparison: Report) -> None:
    with tempfile.TemporaryDirectory() as folder:
        written = report.write(comparison, Path(folder))
        page = browser.new_page(viewport=_OF_REPORT)
        page.goto(written.page.as_uri())
        page.screenshot(path=PICTURES / "report.png")
        page.close()


def _photograph_mlflow(browser: Browser, url: str) -> None:
    page = browser.new_page(viewport=_OF_MLFLOW)
    # Otherwise MLflow opens its assistant on the first visit, and it covers a quarter of the page.
    page.add_init_script("localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true')")
    page.goto(url)
    page.get_by_text("val_accuracy").first.wait_for()
    page.wait_for_timeout(5000)  # MLflow draws the charts one after the other
    page.screenshot(path=PICTURES / "mlflow.png")
    page.close()


if __name__ == "__main__":
    main()
