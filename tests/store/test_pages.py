"""MLflow's pages in a real browser: what the printed link and other links show after a sweep."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode, urlparse

import pytest
from mlflow.entities import Run
from playwright.sync_api import Browser, Locator, Page, expect

from kerasbench.config.colours import colour
from kerasbench.config.schema import TrackingConfig
from kerasbench.paths import PROJECT
from tests.conftest import Train, runs_in, theano
from tests.report.conftest import Experiment

BACKENDS = ("cntk", "theano")
EPOCHS = 2  # of the shrunk run
_MODEL_TRAINING = "workflowType=machine_learning"  # as MLflow's own links have it
PATIENCE = 60_000  # milliseconds for a page on a busy machine


@dataclass
class Served:
    """A served store: the printed link, its server, and the store's contents."""

    link: str
    server: str
    experiment_id: str
    runs: list[Run]
    report: Run


@pytest.fixture
def page(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A page of laptop size, and the addresses that it requests."""
    with browser.new_page(viewport={"width": 1440, "height": 900}) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        yield page, asked


@pytest.fixture
def served(train: Train, store: str) -> Iterator[Served]:
    """The store of a real sweep, served by the command line."""
    done = train("-m", f"backend={','.join(BACKENDS)}", "model=mnist_mlp", "report=true")
    assert done.returncode == 0, done.stdout + done.stderr
    runs = runs_in(store)
    assert {(run.data.tags["competitor"], run.data.tags["mlflow.runColor"]) for run in runs} == {
        (backend, colour(backend)) for backend in BACKENDS
    }
    (report,) = runs_in(store, chosen="tags.kind = 'report'")
    with _link(store) as link:
        yield Served(link, link.partition("/#")[0], report.info.experiment_id, runs, report)


@contextmanager
def _link(store: str) -> Iterator[str]:
    """Serve a store by the command line and yield the link that it prints."""
    command = [sys.executable, "-m", "kerasbench.store.ui", "--uri", store, "--port", "0"]
    with subprocess.Popen(command, cwd=PROJECT, env=os.environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield next(line for line in process.stdout if line.startswith("http://127.0.0.1:")).strip()
        finally:
            process.terminate()


@pytest.fixture
def repeated(store: str, tmp_path: Path) -> Experiment:
    """Two competitors of one backend and one of another, with three seeds each."""
    experiment = Experiment(TrackingConfig(store, str(tmp_path / "artifacts"), "keras-backends"))
    for backend, variant, seconds in (("jax", "label=a", 2.0), ("jax", "label=b", 2.2), ("theano", "", 4.0)):
        tags = {"variant": variant, "competitor": f"jax · {variant}"} if variant else {"competitor": backend}
        tags["mlflow.runColor"] = colour(backend, variant)
        experiment.repeated(backend, [seconds, seconds + 0.1, seconds + 0.2], **tags)
    return experiment


@pytest.mark.slow
def test_repeats_are_drawn_as_one_line_for_each_competitor_and_as_single_runs_after_one_click(
    repeated: Experiment, page: tuple[Page, list[str]]
) -> None:
    shown, _ = page
    with _link(repeated.uri) as link:
        shown.goto(link)
        for metric in ("epoch_seconds", "val_accuracy"):
            chart = _chart(shown, metric)
            assert len(_traces(chart)) == 3
            expect(chart).to_contain_text("jax · label=a")
        shown.get_by_test_id("column-selection-dropdown").get_by_role("button").click()  # the cross in `Group by`
        expect(shown.get_by_role("link", name="theano · mnist_mlp · seed 3")).to_be_visible()
        looks = [("jax", "label=a"), ("jax", "label=b"), ("theano", "")]
        for metric in ("epoch_seconds", "val_accuracy"):
            chart = _chart(shown, metric)
            expect(chart).to_contain_text("seed 3")
            assert Counter(line.colour for line in _traces(chart)) == {colour(*look): 3 for look in looks}


@pytest.mark.thorough
@pytest.mark.slow
@theano
def test_a_sweeps_link_draws_its_runs_their_settings_are_compared_and_its_report_is_shown_in_place(
    served: Served, page: tuple[Page, list[str]]
) -> None:
    shown, asked = page
    _the_printed_link_draws_one_line_for_each_run(shown, served)
    _compare_runs_lists_the_settings_of_each(shown, served)
    _the_report_is_displayed_in_place(shown, served)
    hosts = {urlparse(url).netloc for url in asked if urlparse(url).scheme not in ("blob", "data")}
    assert hosts == {urlparse(served.server).netloc}


def _the_printed_link_draws_one_line_for_each_run(page: Page, served: Served) -> None:
    page.goto(served.link)
    for metric in ("epoch_seconds", "val_accuracy"):
        chart = _chart(page, metric)
        assert _lines(chart) == {run.info.run_name: EPOCHS for run in served.runs}
    expect(page.get_by_text(f"{len(BACKENDS)} matching runs")).to_be_visible()  # the report's run is none of them
    bars = _chart(page, "steady_epoch_seconds").locator(".js-plotly-plot")
    assert bars.evaluate("plot => plot.data.map(trace => [trace.type, trace.x.length])") == [["bar", len(BACKENDS)]]


def _chart(page: Page, metric: str) -> Locator:
    """Return the first chart with this title, once it has been drawn."""
    title = page.get_by_text(metric, exact=True)
    chart = page.get_by_test_id("experiment-view-compare-runs-card").filter(has=title).first
    expect(chart.locator(".js-plotly-plot .trace").first).to_be_attached()
    return chart


class Line(NamedTuple):
    """One line of a chart; MLflow gives the lines of groups no name."""

    name: str
    points: int
    colour: str


def _traces(chart: Locator) -> list[Line]:
    """Return a chart's lines; MLflow draws each twice, the second time for the legend."""
    drawn = chart.locator(".js-plotly-plot").evaluate(
        "plot => plot.data.filter(trace => trace.mode === 'lines+markers')"
        ".map(trace => [trace.name, trace.x.length, trace.marker.color])"
    )
    return [Line(*line) for line in drawn]


def _lines(chart: Locator) -> dict[str, int]:
    """Return the number of points of each line of a chart of single runs."""
    traces = _traces(chart)
    assert len({line.name for line in traces}) == len(traces)
    return {line.name: line.points for line in traces}


def _compare_runs_lists_the_settings_of_each(page: Page, served: Served) -> None:
    chosen = {"runs": [run.info.run_id for run in served.runs], "experiments": [served.experiment_id]}
    query = urlencode({name: json.dumps(ids) for name, ids in chosen.items()})
    page.goto(f"{served.server}/#/compare-runs?{query}&{_MODEL_TRAINING}")
    for param in ("backend.name", "model.name", "trainer.epochs", "trainer.batch_size"):
        row = page.get_by_role("row").filter(has=page.get_by_text(param, exact=True))
        expect(row.get_by_role("cell").filter(has_not_text=param)).to_have_text(
            [run.data.params[param] for run in served.runs]
        )


def _the_report_is_displayed_in_place(page: Page, served: Served) -> None:
    run = f"experiments/{served.experiment_id}/runs/{served.report.info.run_id}"
    page.goto(f"{served.server}/#/{run}/artifacts/report.html?{_MODEL_TRAINING}")
    report = page.frame_locator("iframe")
    expect(report.get_by_role("heading", name="mnist_mlp").first).to_be_visible()
    expect(report.get_by_role("cell", name="theano").first).to_be_visible()
    expect(report.get_by_role("img").first).to_be_visible()
