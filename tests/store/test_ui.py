"""The MLflow UI: the addresses of its pages and their views, and its server, started for real."""

import itertools
import json
import re
import signal
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kerasbench.config import composition
from kerasbench.config.schema import TrackingConfig
from kerasbench.paths import PROJECT
from kerasbench.store import pages, ui
from kerasbench.store.runs import Run
from kerasbench.store.tracking import TrackedRun, open_store


@pytest.fixture
def tracking(store: str, tmp_path: Path) -> TrackingConfig:
    return TrackingConfig(store, str(tmp_path / "artifacts"), "keras-backends")


@pytest.fixture
def opened(tracking: TrackingConfig) -> ui.Store:
    return ui.Store(tracking.uri, *open_store(tracking))


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port where something listens but never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port: int = listener.getsockname()[1]
        yield port


def _log(store: ui.Store, sweep: str, **tags: str) -> TrackedRun:
    with TrackedRun((store.client, store.experiment_id), f"theano · {sweep}", {"sweep": sweep, **tags}) as tracked:
        tracked.metrics({"loss": 0.5}, step=1)
    return tracked


def _page_and_query(url: str) -> tuple[str, dict[str, list[str]]]:
    page, _, query = urllib.parse.urlparse(url).fragment.partition("?")
    return page, urllib.parse.parse_qs(query)


def test_the_comparison_is_a_sweeps_own_view_among_the_charts() -> None:
    url = pages.comparison_url("7", "20261123-a1")
    assert urllib.parse.urlparse(url).netloc == "127.0.0.1:5000"
    assert _page_and_query(url) == (
        "/experiments/7/runs",
        {"workflowType": ["machine_learning"], "compareRunsMode": ["CHART"], "viewStateShareKey": ["20261123-a1"]},
    )


def test_links_name_the_server_they_are_asked_for() -> None:
    assert pages.comparison_url("7", "a1", "http://127.0.0.1:5001").startswith("http://127.0.0.1:5001/#/")


def _runs(*tags: dict[str, str], learned: str = "val_accuracy") -> list[Run]:
    history = {learned: {1: 0.8, 2: 0.9}}
    return [
        Run(str(number), "", "FINISHED", number, one, {}, {learned: 0.9}, history) for number, one in enumerate(tags)
    ]


def _state(runs: list[Run]) -> dict[str, Any]:
    """Return the state of the sweep's view."""
    key, value = pages.view_tag("a1", runs)
    assert key == "mlflow.sharedViewState.a1"
    state: dict[str, Any] = json.loads(json.loads(value)["state"])
    return state


def _by_competitor(competitors: tuple[str, ...], seeds: int, **more: str) -> list[dict[str, str]]:
    return [{"competitor": name, "model": "mnist_mlp", **more} for name in competitors for _ in range(seeds)]


def test_a_view_shows_all_measured_runs_of_its_sweep_and_starts_with_speed_and_accuracy() -> None:
    runs = _runs(*_by_competitor(("jax", "torch"), seeds=1))
    state = _state(runs)
    assert state["searchFilter"] == "tags.sweep = 'a1' and tags.kind IS NULL"
    assert state["runsHiddenMode"] == "SHOW_ALL"
    first = state["compareRunSections"][0]["uuid"]
    charts = [
        (chart["type"], chart["metricKey"]) for chart in state["compareRunCharts"] if chart["metricSectionId"] == first
    ]
    assert charts == [("LINE", "epoch_seconds"), ("LINE", "val_accuracy"), ("BAR", "steady_epoch_seconds")]


def test_a_view_shows_the_loss_of_models_without_an_accuracy() -> None:
    def charts(state: dict[str, Any]) -> list[str]:
        return [chart["metricKey"] for chart in state["compareRunCharts"] if chart["type"] == "LINE"]

    classifier = _runs(*_by_competitor(("jax",), seeds=1))
    regression = _runs(*_by_competitor(("jax",), seeds=1, model="regression"), learned="val_loss")
    assert charts(_state(regression)) == ["epoch_seconds", "val_loss", "val_loss"]  # by epoch, and by time
    both = charts(_state(classifier + regression))
    assert sorted(both[1:]) == ["val_accuracy", "val_accuracy", "val_loss", "val_loss"]
    grouped = _state(_runs(*_by_competitor(("jax", "torch"), seeds=2, model="regression"), learned="val_loss"))
    (shown,) = (chart["range"] for chart in grouped["compareRunCharts"] if chart["metricKey"] == "val_loss")
    assert shown["yMin"] < 0.8 < 0.9 < shown["yMax"]


def test_repeats_are_grouped_by_competitor() -> None:
    grouped = _state(_runs(*_by_competitor(("jax", "jax · label=a"), seeds=3)))
    assert grouped["groupBy"]["groupByKeys"] == [{"mode": "tag", "groupByData": "competitor"}]
    assert grouped["groupsExpanded"] == {"tag.competitor.jax": False, "tag.competitor.jax · label=a": False}
    ranges = [chart["range"] for chart in grouped["compareRunCharts"] if chart["metricKey"] == "val_accuracy"]
    assert [(shown["yMin"] < 0.8, shown["yMax"] > 0.9) for shown in ranges] == [(True, True)]


def test_a_group_averages_over_seeds_alone() -> None:
    models = [one for model in ("mnist_mlp", "mnist_cnn") for one in _by_competitor(("jax",), seeds=3, model=model)]
    grouped = _state(_runs(*models))
    assert [key["groupByData"] for key in grouped["groupBy"]["groupByKeys"]] == ["competitor", "model"]
    assert set(grouped["groupsExpanded"]) == {
        "tag.competitor.jax,tag.model.mnist_mlp",
        "tag.competitor.jax,tag.model.mnist_cnn",
    }


@pytest.mark.parametrize(
    "tags",
    [
        _by_competitor(("jax", "torch"), seeds=1),
        [{"backend": "jax"}, {"backend": "jax"}],  # a store from before the tag `competitor`
        [{"competitor": "jax"}, {"competitor": "jax"}, {"backend": "torch"}],
        [],
    ],
)
def test_runs_that_form_no_groups_keep_the_plain_view(tags: list[dict[str, str]]) -> None:
    assert "groupBy" not in _state(_runs(*tags))


def test_the_largest_view_fits_into_an_experiments_tag() -> None:
    names = tuple(f"backend{number} · settings.matmul_precision=highest" for number in range(7))
    models = (_by_competitor(names, seeds=2, model=f"mnist_hierarchical_rnn_{number}") for number in range(5))
    _, value = pages.view_tag("a1", _runs(*itertools.chain(*models)))
    assert len(value) < 20_000


def test_the_command_that_serves_a_store_names_it_unless_it_is_the_default_one_and_never_its_password() -> None:
    default = composition.store(None, None)
    assert pages.serve_command(default.uri, default.experiment) == "make ui"
    assert pages.serve_command("sqlite:////a b/c.db", "mine") == (
        "kerasbench ui --uri 'sqlite:////a b/c.db' --experiment mine"
    )
    assert "secret" not in pages.serve_command("postgresql://me:secret@host/db", "mine")


@pytest.mark.parametrize("port", ["99999", "-1"])
def test_a_port_that_does_not_exist_is_one_line(
    opened: ui.Store, capsys: pytest.CaptureFixture[str], port: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        ui.main(["--uri", opened.uri, f"--port={port}"])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert port in line


def test_the_last_sweep_is_shown_and_no_report_or_reference_counts_for_one(opened: ui.Store) -> None:
    assert opened.sweep(None) is None
    _log(opened, "a1")
    _log(opened, "a2")
    _log(opened, "a1", kind="report")
    assert opened.sweep(None) == "a2"
    assert opened.sweep("a1") == "a1"


@pytest.mark.parametrize("sweep", ["nosuch", "no'such"])
def test_an_unknown_sweep_is_one_line_that_names_it_and_the_last_ones(
    opened: ui.Store, capsys: pytest.CaptureFixture[str], sweep: str
) -> None:
    _log(opened, "a1")
    with pytest.raises(SystemExit) as ended:
        ui.main(["--uri", opened.uri, "--sweep", sweep])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert sweep in line
    assert line.endswith("the last sweeps are: a1")


def test_a_store_that_is_a_server_is_taken_as_it_is(opened: ui.Store) -> None:
    remote = ui.Store("http://tracking.example:5000/", opened.client, opened.experiment_id)
    with ui.serving(remote) as (server, process):
        assert (server, process) == ("http://tracking.example:5000", None)


@pytest.mark.slow
def test_a_server_is_known_by_its_runs_shared_with_the_next_call_and_ended_with_the_block(
    opened: ui.Store, tmp_path: Path, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ui, "_ASK_SECONDS", 1)
    _log(opened, "a1")
    elsewhere = TrackingConfig(f"sqlite:///{tmp_path}/other/mlflow.db", str(tmp_path / "artifacts"), "keras-backends")
    other = ui.Store(elsewhere.uri, *open_store(elsewhere))
    with ui.serving(opened, taken_port) as (server, process):
        assert process is not None
        assert not server.endswith(f":{taken_port}")
        assert opened.is_served_at(server)
        assert not other.is_served_at(server)
        with ui.serving(opened, int(server.rpartition(":")[2])) as (again, none):
            assert (again, none) == (server, None)
        assert opened.is_served_at(server)  # the second block has left it up
    assert process.poll() is not None
    assert not opened.is_served_at(server)


@pytest.mark.slow
def test_a_store_in_an_oddly_named_folder_is_served(tmp_path: Path) -> None:
    place = tmp_path / "a b#c%41?d"
    uri = f"sqlite:///{urllib.parse.quote(str(place))}/mlflow.db"
    odd = TrackingConfig(uri, str(place / "artifacts"), "keras-backends")
    store = ui.Store(uri, *open_store(odd))
    assert (place / "mlflow.db").is_file()
    tracked = _log(store, "a1")
    (place / "note.txt").write_text("kept")
    tracked.artifact(place / "note.txt")
    pages.save(odd, "a1")
    with ui.serving(store, port=0) as (server, _):
        assert store.is_served_at(server)
        with urllib.request.urlopen(f"{server}/get-artifact?path=note.txt&run_uuid={tracked.run_id}") as answer:
            assert answer.read() == b"kept"


@pytest.mark.slow
def test_the_command_tells_the_sweeps_page_keeps_its_view_and_ends_at_ctrl_c(opened: ui.Store, taken_port: int) -> None:
    _log(opened, "a1")
    command = [sys.executable, "-m", "kerasbench.store.ui", "--uri", opened.uri, "--port", str(taken_port)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None and served.stderr is not None
        printed = [served.stdout.readline() for _ in range(4)]
        assert str(taken_port) in printed[0]
        link = printed[3].strip()
        server = link.partition("/#")[0]
        assert link == pages.comparison_url(opened.experiment_id, "a1", server)
        assert server in printed[1]
        with urllib.request.urlopen(
            f"{server}/api/2.0/mlflow/experiments/get?experiment_id={opened.experiment_id}"
        ) as answer:
            tags = {tag["key"] for tag in json.load(answer)["experiment"]["tags"]}
        assert "mlflow.sharedViewState.a1" in tags
        served.send_signal(signal.SIGINT)
        assert served.wait(60) == 0
        assert served.stderr.read() == ""
    assert not opened.is_served_at(server)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server)
