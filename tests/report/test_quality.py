"""Models of the user's own: their runs have no accuracy, or no validation, or metrics of any name."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from kerasbench.report import collect, tables, write
from kerasbench.report.columns import columns
from kerasbench.report.learning import learning
from kerasbench.report.results import Ranking
from kerasbench.report.sections import conditions, warnings
from kerasbench.report.verdicts import WINNER, outcome, quality
from kerasbench.terminal.errors import UserError
from tests.report.conftest import Experiment, Printed

_Logs = Mapping[str, Sequence[float]]

REGRESSION: _Logs = {"loss": [4.0, 2.0, 1.0], "mae": [2, 1, 0.9], "val_loss": [3.0, 1.5, 2.0], "val_mae": [2, 1, 0.9]}
UNVALIDATED: _Logs = {"loss": [4.0, 2.0, 1.0], "output_1_loss": [3.0, 1.5, 0.5]}
ADVERSARIAL: _Logs = {"d_loss": [0.7, 0.6, 0.5], "g_loss": [1.0, 1.1, 1.2]}  # a training step of the user's own


def _run(experiment: Experiment, logs: _Logs, model: str, backends: Mapping[str, float] | None = None) -> None:
    """Add two runs of each backend; a value is what its losses are multiplied by."""
    for number, (backend, factor) in enumerate((backends or {"jax": 1.0, "torch": 1.1}).items(), start=1):
        for seed in (1, 2):
            own = {name: [factor * value for value in values] for name, values in logs.items()}
            seconds = (3.0 + number, 2.0 * number + 0.001 * seed, 2.0 * number)
            experiment.run(backend, seconds, model=model, seed=seed, by_epoch=own, comparison__hash=model)


def _heads(ranking: Ranking) -> list[str]:
    return [column.name(ranking) for column in columns(ranking)]


@pytest.mark.parametrize(
    ("logs", "metric", "final", "best"),
    [
        (REGRESSION, "val_loss", 2.0, 1.5),
        (UNVALIDATED, "loss", 1.0, 1.0),
        ({**REGRESSION, "val_accuracy": [0.5, 0.7, 0.6]}, "val_accuracy", 0.6, 0.7),
    ],
)
def test_a_ranking_shows_what_its_models_have(
    experiment: Experiment, logs: _Logs, metric: str, final: float, best: float
) -> None:
    _run(experiment, logs, "own")
    (ranking,) = experiment.report.rankings
    assert ranking.quality is not None
    assert ranking.quality.metric == metric
    shown = {column.key: column.of(ranking, ranking.cells[0]) for column in columns(ranking)}
    learned = {key: value.exact for key, value in shown.items() if key.startswith(("final_", "best_"))}
    assert learned == {f"final_{metric}": final, f"best_{metric}": best}
    assert outcome(ranking) == (WINNER, [ranking.cells[0]])
    assert ranking.quality.name in quality(ranking)
    has_accuracy = metric == "val_accuracy"
    assert any("accuracy" in head for head in _heads(ranking)) == has_accuracy
    assert (ranking.target is not None) == has_accuracy


@pytest.mark.slow
def test_runs_with_no_metric_that_is_known_are_ranked_by_time(
    experiment: Experiment, printed: Printed, tmp_path: Path
) -> None:
    _run(experiment, ADVERSARIAL, "gan")
    (ranking,) = experiment.report.rankings
    assert (ranking.quality, quality(ranking)) == (None, "")
    assert outcome(ranking)[0] == WINNER
    (told,) = json.loads(printed(experiment, "--format", "json"))["rankings"]
    assert told["quality"] is None
    assert [cell["backend"] for cell in told["cells"]] == ["jax", "torch"]
    written = write(collect(experiment.uri, experiment.name), tmp_path)
    assert {plot.stem for plot in written.plots.glob("*.svg")} == {"gan-seconds", "gan-time"}


@pytest.mark.slow
def test_models_with_different_metrics_share_a_store_and_each_has_its_own_column(
    experiment: Experiment, printed: Printed, tmp_path: Path
) -> None:
    for model, logs in (("regression", REGRESSION), ("script", UNVALIDATED), ("gan", ADVERSARIAL)):
        _run(experiment, logs, model)
    experiment.repeated("jax", [2.0, 2.1])
    report = collect(experiment.uri, experiment.name)
    own = {"mnist_mlp": "final accuracy", "regression": "final val_loss", "script": "final loss"}
    for ranking in report.rankings:
        assert [head for head in _heads(ranking) if head.startswith("final")] == [
            *filter(None, [own.get(ranking.model)])
        ]
    written = write(report, tmp_path)
    names = {plot.stem for plot in written.plots.glob("*.svg")}
    assert {"mnist-mlp-accuracy-epoch", "regression-val-loss-epoch", "script-loss-time", "speed-accuracy"} <= names
    lines = {line["model"]: line for line in csv.DictReader(io.StringIO(printed(experiment, "--format", "csv")))}
    assert float(lines["regression"]["best_val_loss"]) == pytest.approx(1.65)  # torch, the slower one, comes last
    assert (lines["regression"]["final_val_accuracy"], lines["script"]["final_val_loss"]) == ("", "")
    assert "final val_loss" in printed(experiment, "--format", "markdown")
    Console(file=io.StringIO()).print(*tables(report))


def test_an_accuracy_is_asked_for_where_models_have_one_and_else_refused(experiment: Experiment) -> None:
    _run(experiment, REGRESSION, "regression")
    with pytest.raises(UserError, match="val_accuracy"):
        collect(experiment.uri, experiment.name, accuracy=0.9)
    experiment.run("jax")
    report = collect(experiment.uri, experiment.name, accuracy=0.9)
    assert {ranking.model: ranking.target for ranking in report.rankings} == {"mnist_mlp": 0.9, "regression": None}


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [math.inf, math.nan])
def test_a_loss_that_is_no_finite_number_is_no_figure(
    experiment: Experiment, printed: Printed, tmp_path: Path, wrong: float
) -> None:
    _run(experiment, REGRESSION, "regression", {"jax": 1.0})
    _run(experiment, {**REGRESSION, "val_loss": [3.0, wrong, wrong]}, "regression", {"torch": 1.0})
    report = collect(experiment.uri, experiment.name)  # a database keeps infinity as a finite number
    (ranking,) = report.rankings
    assert "on torch" in quality(ranking)
    (told,) = json.loads(printed(experiment, "--format", "json"))["rankings"]
    assert {cell["backend"]: cell["final_val_loss"] for cell in told["cells"]} == {"jax": 2.0, "torch": None}
    assert {cell["backend"]: cell["best_val_loss"] for cell in told["cells"]} == {"jax": 1.5, "torch": 3.0}
    write(report, tmp_path)


def test_a_validation_every_other_epoch_keeps_its_epochs(experiment: Experiment) -> None:
    experiment.run("jax", (3.0, 2.0, 2.0, 2.0), by_epoch={"loss": [4, 3, 2, 1]})
    (run,) = experiment.report.runs
    sparse = {**run.histories, "val_accuracy": {2: 0.5, 4: 0.9}}
    object.__setattr__(run, "histories", sparse)
    object.__setattr__(run, "metrics", {**run.metrics, "val_accuracy": 0.9})
    (ranking,) = experiment.report.rankings
    assert ranking.cells[0].seconds_to(0.8) == [9.0]  # all training until then counts


@pytest.mark.parametrize(("init", "known"), [("native", ()), ("native", ("jax",)), ("shared", ("jax",)), ("", ())])
def test_starts_that_cannot_be_compared_are_told(experiment: Experiment, init: str, known: tuple[str, ...]) -> None:
    for backend in ("jax", "torch"):
        experiment.run(backend, probe=2.3 if backend in known else None, init=init)
    (line,) = warnings(experiment.report)
    unknown = [backend for backend in ("jax", "torch") if backend not in known]
    assert f"starts not compared: runs of {', '.join(unknown)} have no parity_probe_loss" in line
    assert ("trainer.init=native" in line) == (init == "native")


def test_an_epoch_that_includes_its_validation_is_told(experiment: Experiment) -> None:
    experiment.run("mxnet", by_epoch=UNVALIDATED, validation="in epoch_seconds")
    (line,) = warnings(experiment.report)
    assert "mxnet" in line
    assert "validation" in line


def test_a_single_backends_start_needs_no_comparison(experiment: Experiment) -> None:
    experiment.run("jax", probe=None, init="native")
    assert warnings(experiment.report) == []


def test_losses_below_zero_and_those_of_the_validation_are_compared_too(experiment: Experiment) -> None:
    _run(experiment, {"loss": [-1.0, -2.0, -4.0]}, "likelihood", {"jax": 1.0, "torch": 1.0, "cntk": 1.25})
    _run(experiment, {"nll": [1.0, 1.0, 1.0], "val_loss": [2.0, 2.0, 2.0]}, "own step", {"jax": 1.0, "torch": 1.0})
    likelihood, own_step = learning(experiment.report)
    assert (likelihood.metric, likelihood.equal) == ("loss", False)
    assert likelihood.spread == pytest.approx(0.2)
    assert (own_step.metric, own_step.spread, own_step.equal) == ("val_loss", 0.0, True)


def test_a_script_that_calls_fit_again_says_how_often(experiment: Experiment) -> None:
    experiment.run("jax", by_epoch={**UNVALIDATED, "fit": [0, 0, 1]})
    (ranking,) = experiment.report.rankings
    assert dict(conditions(ranking))["calls of fit"] == "2"
