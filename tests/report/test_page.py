"""The page: every number comes from the store, and the page is self-contained."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from statistics import geometric_mean, median, stdev
from xml.etree import ElementTree

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from kerasbench import stats
from kerasbench.config.colours import colour
from kerasbench.paths import PROJECT
from kerasbench.report import collect, write
from kerasbench.report.certificate import probes
from kerasbench.report.columns import COLUMNS
from kerasbench.store.pages import serve_command
from tests.report.conftest import Experiment, Printed, page_of


class _Cells(HTMLParser):
    """Collects the numbers of the rankings' tables: (section, competitor, column) -> attributes and visible text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[tuple[str, str, str], dict[str, str]] = {}
        self.texts: list[str] = []
        self._section = self._competitor = ""
        self._cell: dict[str, str] = {}

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        of = {name: value or "" for name, value in attributes}
        if tag == "section":
            self._section = of.get("id", "")
        if tag == "tr":
            self._competitor = of.get("data-competitor", "")
        if tag == "td" and "data-key" in of and self._competitor:
            self.found[self._section, self._competitor, of["data-key"]] = self._cell = of

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if data.strip():
            self._cell.setdefault("text", data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            self._cell = {}


def _cells(page: Path | str) -> _Cells:
    """Read a page, or its text."""
    parser = _Cells()
    parser.feed(page.read_text() if isinstance(page, Path) else page)
    return parser


def _history(client: MlflowClient, run: Run, metric: str) -> list[float]:
    ordered = sorted(client.get_metric_history(run.info.run_id, metric), key=lambda one: one.step)
    return [one.value for one in ordered]


def _expected(client: MlflowClient, runs: list[Run], fastest: list[Run]) -> Iterator[tuple[str, float]]:
    """Yield the expected content of each cell, directly from the store."""

    def figures(metric: str, of: list[Run] = runs) -> list[float]:
        return [run.data.metrics[metric] for run in of]

    steady = figures("steady_epoch_seconds")
    yield "steady_epoch_seconds", geometric_mean(steady)
    theirs = figures("steady_epoch_seconds", fastest)
    yield "ratio", 1.0 if runs is fastest else geometric_mean(a / b for a, b in zip(steady, theirs, strict=True))
    yield "variation", stdev(steady) / (sum(steady) / len(steady))
    yield "examples_per_second", geometric_mean(6000 / seconds for seconds in steady)
    for metric in ("first_epoch_seconds", "compile_seconds", "time_to_first_epoch_seconds", "peak_rss_mib"):
        yield metric, median(figures(metric))
    accuracy = [_history(client, run, "val_accuracy") for run in runs]
    yield "final_val_accuracy", median(values[-1] for values in accuracy)
    yield "best_val_accuracy", median(max(values) for values in accuracy)
    seconds = [_history(client, run, "epoch_seconds") for run in runs]
    reached = [stats.seconds_to(0.92, a, s) for a, s in zip(accuracy, seconds, strict=True)]
    yield "seconds_to_accuracy", median(value for value in reached if value is not None)
    yield "finished_runs", float(len(runs))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fingerprint", "section"), [("h1", "mnist-mlp-a-processor-2-cores"), ("h2", "mnist-mlp-h100")]
)
def test_every_number_is_the_stores(filled: Experiment, page_file: Path, fingerprint: str, section: str) -> None:
    client = MlflowClient(filled.uri)
    known = client.get_experiment_by_name(filled.name)
    assert known is not None
    shown = {key: of for key, of in _cells(page_file).found.items() if key[0] == section and "data-value" in of}
    runs = {
        backend: sorted(
            client.search_runs(
                [known.experiment_id],
                f"tags.backend = '{backend}' and tags.`hardware.fingerprint` = '{fingerprint}' "
                "and attributes.status = 'FINISHED'",
            ),
            key=lambda run: int(run.data.params["seed"]),
        )
        for backend in ("jax", "torch")
    }
    compared = set()
    for backend, of in runs.items():
        for key, value in _expected(client, of, runs["jax"]):
            assert float(shown[section, backend, key]["data-value"]) == pytest.approx(value, rel=1e-12), (backend, key)
            compared.add((section, backend, key))
        interval = stats.estimate([run.data.metrics["steady_epoch_seconds"] for run in of])
        own = shown[section, backend, "steady_epoch_seconds"]
        assert (float(own["data-low"]), float(own["data-high"])) == (interval.low, interval.high)
    assert compared == shown.keys(), "a number that no one compared"
    for cell, told in shown.items():
        read, last_digit = _read(told["text"])
        assert abs(read - float(told["data-value"])) <= 0.501 * last_digit, (cell, told)


def _read(text: str) -> tuple[float, float]:
    """Return the number that a reader sees, and the value of one unit in its last digit."""
    digits = re.sub(r"[^0-9.]", "", text.partition(" of ")[0])
    whole, _, decimals = digits.partition(".")
    zeros = 0 if decimals else len(whole) - len(whole.rstrip("0"))
    percent = 0.01 if "%" in text else 1.0
    return float(digits) * percent, 10.0 ** (zeros - len(decimals)) * percent


@pytest.mark.slow
def test_a_failed_cell_stands_in_its_table_with_its_reason_as_text(page_file: Path) -> None:
    assert "FAILED: the worker died: out of memory &lt;here&gt;" in page_file.read_text()
    assert "the worker died: out of memory <here>" in _cells(page_file).texts


@pytest.mark.slow
def test_noise_parity_fairness_references_and_origins_are_told(page_file: Path) -> None:
    text = " ".join(_cells(page_file).texts)
    assert "in 3 of 3 runs other processes used 80% of a core" in text
    assert "torch 14." in text
    assert "torch, mnist_mlp: its loss deviates at step 2" in text
    assert "Published figures of mnist_mlp" in text
    assert "requested: 2" in text
    assert "0123456789ab" in text
    assert "their runs differ in hardware, and are not ranked together" in text


def test_different_losses_of_the_same_weights_are_told(experiment: Experiment) -> None:
    experiment.run("jax", probe=2.3)
    experiment.run("torch", probe=2.4)
    assert "DIFFERENT" in _cells(page_of(experiment.report)).texts


def test_a_loss_that_is_no_number_is_no_equal_one_and_a_variant_is_compared_with_its_like(
    experiment: Experiment, tmp_path: Path
) -> None:
    experiment.run("jax", probe=2.3)
    experiment.run("torch", probe=2.3)
    experiment.run("jax", probe=2.9, variant="settings.precision=mixed_bfloat16")
    assert [one.passed for one in probes(experiment.report)] == [True]
    experiment.run("theano", probe=float("nan"))
    assert [one.passed for one in probes(collect(experiment.uri, experiment.name))] == [False]


@pytest.mark.slow
def test_a_long_list_of_what_was_varied_leaves_room_for_its_bar(experiment: Experiment, tmp_path: Path) -> None:
    varied = "settings.matmul_precision=highest settings.jit_compile=false model.optimizer.learning_rate=0.001"
    experiment.run("tensorflow", variant=varied)
    text = write(experiment.report, tmp_path).page.read_text()
    assert "learning_rate=0.001" in text
    assert f"tensorflow · {varied}" in text


@pytest.mark.slow
def test_the_newest_rankings_are_drawn_and_the_others_say_why_not(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kerasbench.report.plots.MOST_RANKINGS", 1)
    experiment.run("jax", model="babi_rnn")
    experiment.run("jax", model="mnist_mlp")
    written = write(experiment.report, tmp_path)
    assert {path.name.rpartition("-mlp-")[0] for path in written.plots.glob("mnist*.svg")} == {"mnist"}
    assert not list(written.plots.glob("babi*"))
    assert "only the 1 rankings with the newest runs" in written.page.read_text()


@pytest.mark.slow
def test_single_runs_are_marked_and_first_epochs_too(experiment: Experiment, tmp_path: Path) -> None:
    experiment.run("jax", (3.25,))
    experiment.run("torch", (9.0, 8.0), comparison__hash="c2")
    text = " ".join(_cells(write(experiment.report, tmp_path).page).texts)
    assert "3.25 (first)" in text
    assert "one run" in text


@pytest.mark.slow
def test_the_page_needs_nothing_else(page_file: Path) -> None:
    text = page_file.read_text()
    assert not re.search(r"""(?:src|href|url|@import)\s*[=(]\s*["']?\s*(?:https?:)?//""", text)
    assert not re.search(r"https?://(?!www\.w3\.org/)", text)
    assert "<script" not in text
    assert text.count("<svg") == text.count('role="img"') == 10  # two rankings of four, and two over both
    identifiers = re.findall(r'\sid="([^"]+)"', text)
    assert len(identifiers) == len(set(identifiers))


@pytest.mark.slow
def test_each_plot_is_a_png_and_an_svg_too(page_file: Path) -> None:
    plots = page_file.parent / "plots"
    assert len(list(plots.glob("*.png"))) == len(list(plots.glob("*.svg"))) == 10


@pytest.mark.slow
def test_plots_of_an_older_report_go(experiment: Experiment, tmp_path: Path) -> None:
    experiment.run("jax")
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "old.svg").write_text("")
    written = write(experiment.report, tmp_path)
    assert not (written.plots / "old.svg").exists()


def test_parity_alone_makes_a_page(experiment: Experiment) -> None:
    experiment.parity("jax", 1e-7)
    text = " ".join(_cells(page_of(experiment.report)).texts)
    assert "No training run was measured." in text
    assert "1e-07" in text


def test_gpus_are_shown_where_there_are_any(experiment: Experiment) -> None:
    experiment.run("jax")
    client = MlflowClient(experiment.uri)
    (run,) = collect(experiment.uri, experiment.name).runs
    for step, (load, memory) in enumerate([(40.0, 900.0), (60.0, 1000.0)], start=1):
        client.log_metric(run.id, "gpu_0_utilization_percent", load, step=step)
        client.log_metric(run.id, "gpu_0_memory_mib", memory, step=step)
    found = _cells(page_of(collect(experiment.uri, experiment.name))).found
    shown = {key[2]: of["data-value"] for key, of in found.items() if "data-value" in of}
    assert (shown["gpu_utilization_percent"], shown["gpu_memory_mib"]) == ("50.0", "1000.0")


_ODD = (
    r"$\frac{1}{2}$",
    "$unfinished",
    "a|b",
    "two\nlines",
    "<script>x()</script>",
    "*bold* `code` _x_",
    "&lt;",
    'x id="y" #1f2328',
)


def _texts_of(svg: Path) -> str:
    """Return a plot's texts in one line."""
    return " ".join(" ".join(ElementTree.parse(svg).getroot().itertext()).split())


@pytest.mark.slow
def test_free_text_is_shown_literally_in_plots_and_on_the_page(experiment: Experiment, tmp_path: Path) -> None:
    names = (_ODD[0], "\n".join(_ODD[1:]))
    for number, name in enumerate(names):
        for odd in _ODD:
            experiment.run("jax", variant=f"label={odd}", data__name=name, data__digest=f"d{number}")
    written = write(experiment.report, tmp_path)
    (bars,) = written.plots.glob("*-d0-seconds.svg")
    in_bars, in_overview = _texts_of(bars), _texts_of(written.plots / "speed-accuracy.svg")
    on_page = " ".join(" ".join(_cells(written.page).texts).split())
    for odd in _ODD:
        literal = " ".join(odd.split())
        assert f"label={literal}" in in_bars
        assert f"jax · label={literal}" in on_page
    assert all(" ".join(name.split()) in on_page for name in names)
    assert " ".join(_ODD[0].split()) in in_overview
    assert "<script" not in written.page.read_text()


@pytest.mark.slow
def test_a_users_matplotlibrc_changes_no_plot(experiment: Experiment, tmp_path: Path) -> None:
    experiment.repeated("jax", [2.0, 2.02, 1.98], variant="label=$x$")
    uri, name = experiment.uri, experiment.name
    settings = (
        "text.usetex: True\nbackend: QtAgg\nfont.size: 40\nfigure.dpi: 10\nsavefig.bbox: tight\naxes.grid: False\n"
    )
    (tmp_path / "matplotlibrc").write_text(settings)
    drawn = []
    for hostile in (False, True):
        folder = tmp_path / str(hostile)
        folder.mkdir()
        if hostile:
            (folder / "matplotlibrc").write_text(settings)  # where matplotlib looks first
        variables = {"MATPLOTLIBRC": str(tmp_path), "MPLBACKEND": "module://nosuch"} if hostile else {}
        command = [sys.executable, "-m", "kerasbench.report", "--uri", uri, "--experiment", name, "--no-log"]
        subprocess.run(
            [*command, "--output", str(folder / "report")],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(PROJECT)} | variables,
            check=True,
            timeout=120,
        )
        drawn.append({path.name: path.read_bytes() for path in (folder / "report" / "plots").iterdir()})
    assert drawn[0]
    assert drawn[0] == drawn[1]


def test_variants_have_shades_of_their_own(experiment: Experiment) -> None:
    experiment.run("jax", variant="label=a")
    experiment.run("jax", variant="label=b")
    page = page_of(experiment.report)
    for variant in ("label=a", "label=b"):
        assert f'style="background:{colour("jax", variant)}"' in page


def test_the_page_says_which_command_serves_its_store(experiment: Experiment) -> None:
    experiment.run("jax")
    text = " ".join(_cells(page_of(experiment.report)).texts)
    assert serve_command(experiment.tracking.uri, experiment.name) in text


@pytest.mark.slow
def test_an_oddly_named_folder_holds_the_page_and_its_plots(experiment: Experiment, tmp_path: Path) -> None:
    experiment.run("jax")
    written = write(experiment.report, tmp_path / "a b#c?d%41")
    assert written.page.is_file()
    assert len(list(written.plots.glob("*.svg"))) == len(list(written.plots.glob("*.png"))) > 0


def test_every_column_says_what_it_means() -> None:
    assert all(column.means for column in COLUMNS)


@pytest.mark.slow
def test_the_command_writes_the_page_and_keeps_it_in_a_summary_run(
    experiment: Experiment, printed: Printed, tmp_path: Path
) -> None:
    experiment.repeated("jax", [2.0, 2.02, 1.98])
    experiment.repeated("torch", [3.0, 3.01, 2.99])
    told = printed(experiment, "--sweep", "s1", "--output", str(tmp_path / "here"))
    assert str(tmp_path / "here" / "report.html") in told
    client = MlflowClient(experiment.uri)
    known = client.get_experiment_by_name(experiment.name)
    assert known is not None
    (run,) = client.search_runs([known.experiment_id], "tags.kind = 'report'")
    assert (run.info.run_name, run.data.tags["sweep"]) == ("report · s1", "s1")
    assert "jax is the fastest" in run.data.tags["mlflow.note.content"]
    assert {artifact.path for artifact in client.list_artifacts(run.info.run_id)} == {"report.html", "plots"}
    assert len(client.list_artifacts(run.info.run_id, "plots")) == 10


@pytest.mark.slow
def test_the_command_leaves_the_store_alone_if_asked(experiment: Experiment, printed: Printed, tmp_path: Path) -> None:
    experiment.run("jax")
    printed(experiment, "--no-log", "--output", str(tmp_path / "here"))
    client = MlflowClient(experiment.uri)
    known = client.get_experiment_by_name(experiment.name)
    assert known is not None
    assert not client.search_runs([known.experiment_id], "tags.kind = 'report'")
