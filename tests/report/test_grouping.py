"""Which runs share a ranking, and which verdicts are possible."""

import io
import json
import math

import pytest
from rich.console import Console

from kerasbench.config import composition, identity
from kerasbench.report import collect, tables
from kerasbench.report.__main__ import main
from kerasbench.report.columns import COLUMNS
from kerasbench.report.formats import markdown
from kerasbench.report.learning import learning
from kerasbench.report.results import FIRST
from kerasbench.report.sections import conditions, failures, separations, warnings
from kerasbench.report.variants import FASTER, effects
from kerasbench.report.verdicts import OPEN, TIE, UNJUDGED, WINNER, outcome, quality, sentence
from kerasbench.terminal.errors import UserError
from tests.report.conftest import Experiment, Printed, page_of


def test_runs_on_different_machines_are_never_ranked_together(experiment: Experiment) -> None:
    experiment.repeated("jax", [2.0, 2.1])
    experiment.repeated("torch", [1.0, 1.1], hardware__fingerprint="h2", hardware__cpu="another processor")
    rankings = experiment.report.rankings
    assert [[cell.competitor for cell in ranking.cells] for ranking in rankings] == [["torch"], ["jax"]]
    assert {ranking.differs_in for ranking in rankings} == {"hardware"}
    assert "another processor" in rankings[0].title


@pytest.mark.parametrize("tag", ["data__digest", "comparison__hash"])
def test_runs_on_other_data_or_with_other_settings_are_never_ranked_together(experiment: Experiment, tag: str) -> None:
    experiment.run("jax")
    experiment.run("torch", **{tag: "other"})  # type: ignore[arg-type]
    assert len(experiment.report.rankings) == 2


def test_without_a_comparison_hash_the_params_decide(experiment: Experiment) -> None:
    experiment.run("jax", (3.0, 2.0), comparison__hash="")
    experiment.run("torch", (3.0, 2.0), seed=2, comparison__hash="")
    experiment.run("theano", (3.0, 2.0, 2.0), comparison__hash="")
    rankings = experiment.report.rankings
    assert sorted(len(ranking.cells) for ranking in rankings) == [1, 2]
    assert all("trainer.epochs" in ranking.differs_in for ranking in rankings)


def test_a_variant_is_a_competitor_of_its_own(experiment: Experiment) -> None:
    experiment.run("jax", (3.0, 2.0, 2.0), variant="settings.threads=1")
    experiment.run("jax", (3.0, 1.0, 1.0), variant="settings.threads=2")
    (ranking,) = experiment.report.rankings
    assert [cell.competitor for cell in ranking.cells] == ["jax · settings.threads=2", "jax · settings.threads=1"]


def test_runs_of_two_measurements_are_never_ranked_together(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for backend, measurement in (("jax", 1), ("torch", 1), ("torch", 2)):
        monkeypatch.setattr(identity, "MEASUREMENT", measurement)
        experiment.run(backend, comparison__hash=identity.comparison(composition.compose([f"backend={backend}"]), ()))
    names = [[cell.competitor for cell in ranking.cells] for ranking in experiment.report.rankings]
    assert sorted(names) == [["jax", "torch"], ["torch"]]


@pytest.mark.parametrize(
    ("newer", "name"),
    [
        ({}, "environment=e2"),
        ({"backend__version": "2.0"}, "torch=2.0"),
        ({"keras__version": "3.16", "backend__version": "2.0"}, "keras=3.16 torch=2.0"),
    ],
)
def test_another_environment_makes_another_competitor_named_by_what_differs(
    experiment: Experiment, newer: dict[str, str], name: str
) -> None:
    experiment.repeated("jax", [2.0, 2.1], environment="e0")
    experiment.repeated("torch", [3.0, 3.1], environment="e1")
    experiment.repeated("torch", [1.0, 1.1], sweep="s2", environment="e2", **newer)
    (ranking,) = experiment.report.rankings
    newest, jax, older = ranking.cells
    assert (newest.competitor, newest.samples) == (f"torch · {name}", [1.0, 1.1])
    assert (jax.competitor, older.samples) == ("jax", [3.0, 3.1])
    assert [effect.outcome for effect in effects(ranking)] == [FASTER]
    (learnt,) = learning(experiment.report)
    assert len(learnt.losses) == 3


def test_environments_of_equal_versions_are_told_apart_by_their_digests(experiment: Experiment) -> None:
    for digest, version in (("e1", "1.0"), ("e2", "2.0"), ("e3", "2.0")):
        experiment.run("torch", environment=digest, backend__version=version)
    (ranking,) = experiment.report.rankings
    assert {cell.variant for cell in ranking.cells} == {
        "torch=1.0 environment=e1", "torch=2.0 environment=e2", "torch=2.0 environment=e3",
    }  # fmt: skip


def test_runs_of_a_store_without_environments_stay_together(experiment: Experiment) -> None:
    experiment.run("torch")
    experiment.run("torch", seed=2, backend__version="2.0")
    experiment.run("torch", seed=3, environment="e1")
    (ranking,) = experiment.report.rankings
    assert [(cell.competitor, len(cell.samples)) for cell in ranking.cells] == [("torch", 3)]


def test_one_epoch_is_not_ranked_with_steady_ones(experiment: Experiment) -> None:
    experiment.run("jax", (3.0, 2.0))
    experiment.run("torch", (1.0,))
    rankings = {ranking.metric: ranking for ranking in experiment.report.rankings}
    assert len(rankings) == 2
    assert [cell.competitor for cell in rankings[FIRST].cells] == ["torch"]


def test_the_fastest_of_all_is_called_so(experiment: Experiment) -> None:
    experiment.repeated("jax", [2.0, 2.02, 1.98])
    experiment.repeated("torch", [3.0, 3.01, 2.99])
    (ranking,) = experiment.report.rankings
    assert outcome(ranking)[0] == WINNER
    assert sentence(ranking).startswith("jax is the fastest: 2.0")
    assert "torch, the next, takes 1.5" in sentence(ranking)


def test_a_tie_is_called_a_tie(experiment: Experiment) -> None:
    experiment.repeated("jax", [2.0, 2.2, 1.9])
    experiment.repeated("torch", [2.1, 2.0, 2.2])
    experiment.repeated("theano", [9.0, 9.1, 9.2])
    (ranking,) = experiment.report.rankings
    kind, first = outcome(ranking)
    assert (kind, [cell.competitor for cell in first]) == (TIE, ["jax", "torch"])
    assert "no detectable difference between jax and torch" in sentence(ranking)
    assert "theano takes 4.5 times as long as jax" in sentence(ranking)


def test_a_tie_of_several_is_told_of_the_shortest_and_not_among_the_others(experiment: Experiment) -> None:
    experiment.repeated("jax", [2.0, 2.02, 1.98])
    experiment.repeated("torch", [2.5, 2.51, 2.49])  # told apart, and yet faster than one that is not
    experiment.repeated("theano", [2.0, 3.0, 4.2])
    experiment.repeated("cntk", [2.0, 3.1, 4.2])
    (ranking,) = experiment.report.rankings
    assert "no detectable difference between jax and each of theano and cntk" in sentence(ranking)
    assert sentence(ranking).endswith("torch takes 1.250 times as long as jax.")


def test_accuracies_that_read_the_same_are_told_once(experiment: Experiment) -> None:
    experiment.run("jax", accuracy=(0.1, 0.2, 0.21089))
    experiment.run("torch", accuracy=(0.1, 0.2, 0.21091))
    (ranking,) = experiment.report.rankings
    assert quality(ranking) == "Final validation accuracy: 0.2109 on all."


def test_single_runs_give_no_verdict(experiment: Experiment) -> None:
    experiment.run("jax")
    experiment.run("torch", (9.0, 8.0, 8.0))
    (ranking,) = experiment.report.rankings
    assert outcome(ranking)[0] == OPEN
    assert "run with repeats=5 for confidence intervals and a verdict" in sentence(ranking)


def test_a_single_run_among_repeated_ones_is_no_winner(experiment: Experiment) -> None:
    experiment.run("jax", (2.0, 1.0, 1.0))
    experiment.repeated("torch", [3.0, 3.01, 2.99])
    (ranking,) = experiment.report.rankings
    assert outcome(ranking)[0] == OPEN
    assert "jax ran once" in sentence(ranking)


def test_a_backend_whose_loss_is_no_number_is_no_winner_and_is_warned_of(experiment: Experiment) -> None:
    nan = float("nan")
    experiment.run("jax", (2.0, 1.0, 1.0), losses=[0.5, nan, nan])
    experiment.run("jax", (2.0, 1.0, 1.0), losses=[0.5, 0.4, 0.3], seed=2)
    experiment.repeated("torch", [3.0, 3.0])
    (ranking,) = experiment.report.rankings
    assert outcome(ranking)[0] == OPEN
    assert "in 1 of 2 runs its loss was no finite number" in sentence(ranking)
    (line,) = warnings(experiment.report)
    assert line.startswith("mnist_mlp, jax: the loss was no finite number in 1 of 2 runs")


def test_runs_on_the_gpu_and_on_the_cpu_are_never_ranked_together_and_every_form_says_why(
    experiment: Experiment,
) -> None:
    facts = "backend.facts='driver=580.65 capability=9.0 platform=linux-x86_64'"
    on_gpu = {"hardware__gpu": "NVIDIA T0", "hardware__fingerprint": "h2", "build": "cuda13"}
    for backend, device in (("jax", "NVIDIA T0"), ("torch", "NVIDIA T0"), ("theano", "cpu"), ("cntk", "cpu")):
        compared = identity.comparison(composition.compose([f"backend={backend}", facts]), ())
        own = {"comparison__hash": compared, "in_force__device": device} | (on_gpu if device != "cpu" else {})
        experiment.repeated(backend, [2.0, 2.1], **own)
    compared = identity.comparison(composition.compose(["backend=tensorflow", facts]), ())
    experiment.run("tensorflow", failure="the worker died", comparison__hash=compared, **on_gpu)  # type: ignore[arg-type]
    names = {frozenset(cell.competitor for cell in ranking.cells) for ranking in experiment.report.rankings}
    assert names == {frozenset({"jax", "torch", "tensorflow"}), frozenset({"theano", "cntk"})}
    (line,) = separations(experiment.report)
    assert "device (CPU or GPU)" in line
    console = Console(file=io.StringIO(), width=300)
    console.print(*tables(experiment.report))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(line in form for form in (shown, page_of(experiment.report), markdown(experiment.report)))


def test_what_the_framework_computed_on_decides_even_where_one_hash_covers_both(experiment: Experiment) -> None:
    experiment.run("jax", hardware__gpu="NVIDIA T0", in_force__device="cpu")
    experiment.run("torch", hardware__gpu="NVIDIA T0", in_force__device="NVIDIA T0")
    experiment.run("theano", hardware__gpu="NVIDIA T0", failure="the worker died")
    rankings = {ranking.title: [cell.competitor for cell in ranking.cells] for ranking in experiment.report.rankings}
    assert rankings == {"mnist_mlp · CPU": ["jax"], "mnist_mlp · GPU": ["torch", "theano"]}
    assert {ranking.differs_in for ranking in experiment.report.rankings} == {"device (CPU or GPU)"}


def test_a_gpu_that_nobody_used_is_told(experiment: Experiment) -> None:
    experiment.run("jax", hardware__gpu="NVIDIA T0", in_force__device="cpu")
    experiment.run("torch", hardware__gpu="NVIDIA T0", in_force__device="cpu")
    (line,) = warnings(experiment.report)
    assert "all computed on the CPU, none on NVIDIA T0" in line


def test_ratios_are_paired_by_round_so_that_a_drift_of_the_machine_is_in_both(experiment: Experiment) -> None:
    experiment.repeated("jax", [2.0, 4.0, 8.0])
    experiment.repeated("torch", [3.0, 6.0, 12.0])
    (ranking,) = experiment.report.rankings
    ratio = ranking.ratios["torch"]
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((1.5, 1.5, 1.5))


def test_a_failed_run_leaves_the_pairs_of_the_other_rounds(experiment: Experiment) -> None:
    experiment.repeated("jax", [2.0, 4.0, 8.0])
    experiment.repeated("torch", [2.4, 4.8])
    experiment.run("torch", seed=3, failure="the worker died")
    (ranking,) = experiment.report.rankings
    ratio = ranking.ratios["torch"]
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((1.2, 1.2, 1.2))
    kind, first = outcome(ranking)
    assert (kind, [cell.competitor for cell in first]) == (WINNER, ["jax"])  # although torch missed the slowest round


def test_runs_with_few_rounds_in_common_are_compared_without_pairs(experiment: Experiment) -> None:
    experiment.repeated("jax", [2.0, 4.0, 8.0])
    experiment.repeated("torch", [3.0, 6.0, 12.0], sweep="s2")
    for sweep in ("s3", "s4"):
        experiment.run("jax", (3.0, 4.0, 4.0), sweep=sweep)
        experiment.run("torch", (3.0, 6.0, 6.0), sweep=sweep)
    (ranking,) = experiment.report.rankings
    ratio = ranking.ratios["torch"]
    assert ratio.value == pytest.approx(1.5)
    assert ratio.low is not None
    assert ratio.low < 1  # the samples differ by more than their pairs


_LOUD = "other processes used 80% of a core on average (10% is allowed)"


def _disturb(experiment: Experiment, disturbed: list[str]) -> None:
    for backend, steady in (("jax", [2.0, 2.02, 1.98]), ("torch", [3.0, 3.01, 2.99])):
        experiment.repeated(backend, steady, **({"noise": _LOUD} if backend in disturbed else {}))


@pytest.mark.parametrize("disturbed", [["jax", "torch"], ["jax"], ["torch"]])
def test_disturbed_runs_decide_no_verdict(experiment: Experiment, disturbed: list[str]) -> None:
    _disturb(experiment, disturbed)
    (ranking,) = experiment.report.rankings
    kind, first = outcome(ranking)
    assert (kind, [cell.competitor for cell in first]) == (UNJUDGED, ["jax"])
    for backend in disturbed:
        assert f"3 of 3 runs of {backend}" in sentence(ranking)


def test_no_form_of_the_report_names_a_winner_of_disturbed_runs(experiment: Experiment, printed: Printed) -> None:
    _disturb(experiment, ["torch"])
    assert json.loads(printed(experiment, "--format", "json"))["rankings"][0]["verdict"]["outcome"] == UNJUDGED
    page = page_of(experiment.report)
    for text in (printed(experiment, "--format", "markdown"), page, _on_the_terminal(experiment)):
        assert "Not judged" in text
        assert "is the fastest" not in text


def test_a_disturbed_run_among_quiet_ones_is_left_out_of_the_times_and_told(experiment: Experiment) -> None:
    experiment.repeated("jax", [2.0, 2.02, 1.98])
    experiment.repeated("torch", [3.0, 3.01])
    experiment.run("torch", (9.0, 8.0, 8.0), seed=3, noise=_LOUD)
    (ranking,) = experiment.report.rankings
    assert [cell.samples for cell in ranking.cells] == [[2.0, 2.02, 1.98], [3.0, 3.01]]
    assert outcome(ranking)[0] == WINNER
    (line,) = warnings(experiment.report)
    assert "80% of a core" in line
    assert "1 of 3 runs" in line
    assert len(ranking.cells[1].last("val_accuracy")) == 3  # which a slow run has as well as a fast one


def _on_the_terminal(experiment: Experiment) -> str:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(*tables(experiment.report))
    return console.export_text()


@pytest.mark.parametrize(("init", "figure"), [("shared", "4e-02"), ("native", "4.3%")])
def test_unequal_initial_weights_are_told_beside_their_ranking(
    experiment: Experiment, printed: Printed, init: str, figure: str
) -> None:
    experiment.run("jax", probe=2.3, init=init)
    experiment.run("torch", probe=2.4, init=init)
    (line,) = warnings(experiment.report)
    assert figure in line
    assert f"trainer.init={init}" in line or init == "shared"
    assert figure in printed(experiment, "--format", "markdown")
    assert figure in _on_the_terminal(experiment)


def test_equal_initial_weights_are_not_warned_of(experiment: Experiment) -> None:
    experiment.run("jax")
    experiment.run("torch")
    assert warnings(experiment.report) == []


def test_a_backend_with_initial_weights_of_its_own_among_others_is_told(experiment: Experiment) -> None:
    experiment.run("jax", probe=2.3)
    experiment.run("torch", probe=2.4, init="native")
    (line,) = warnings(experiment.report)
    assert "by torch (trainer.init=native)" in line
    assert "4.3%" in line


def test_a_failed_run_gives_no_sample_and_its_cell_stays(experiment: Experiment) -> None:
    experiment.repeated("jax", [2.0, 2.1])
    experiment.run("theano", failure="the worker died")
    experiment.run("jax", seed=3, status="KILLED")
    (ranking,) = experiment.report.rankings
    assert [(cell.competitor, len(cell.samples)) for cell in ranking.cells] == [("jax", 2), ("theano", 0)]


@pytest.mark.parametrize(
    ("first", "superseded"),
    [
        ({"failure": "the worker died"}, True),
        ({"status": "KILLED"}, True),
        ({"status": "KILLED", "sweep": "s2"}, False),
        ({"status": "KILLED", "config__hash": "of seed 2"}, False),
        ({"status": "KILLED", "variant": "settings.threads=1"}, False),
    ],
)
def test_an_unfinished_run_that_its_sweep_ran_again_and_finished_is_not_counted(
    experiment: Experiment, first: dict[str, str], superseded: bool
) -> None:
    experiment.run("jax", **{"config__hash": "of seed 1"} | first)  # type: ignore[arg-type]
    experiment.run("jax", config__hash="of seed 1")
    assert len(experiment.report.runs) == (1 if superseded else 2)
    assert len(failures(experiment.report)) == (0 if superseded else 1)


def test_a_run_that_failed_after_another_had_finished_is_counted(experiment: Experiment) -> None:
    experiment.run("jax", config__hash="of seed 1")
    experiment.run("jax", config__hash="of seed 1", failure="the worker died")
    assert [run.status for run in experiment.report.runs] == ["FINISHED", "FAILED"]


def test_the_target_is_the_highest_whole_per_cent_that_most_reach(experiment: Experiment) -> None:
    experiment.run("jax", accuracy=(0.9, 0.97, 0.983))
    experiment.run("torch", accuracy=(0.9, 0.981, 0.982))
    experiment.run("theano", accuracy=(0.5, 0.6, 0.7))
    (ranking,) = experiment.report.rankings
    assert ranking.target == 0.98
    found = {cell.competitor: cell.seconds_to(0.98) for cell in ranking.cells}
    assert found == {"jax": [7.0], "torch": [5.0], "theano": [math.inf]}


def test_the_time_to_an_accuracy_that_was_asked_for_is_told(
    experiment: Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment.run("jax", accuracy=(0.9, 0.97, 0.983))
    asked = ["--uri", experiment.uri, "--experiment", experiment.name, "--format", "json"]
    main([*asked, "--accuracy", "0.905"])
    (ranking,) = json.loads(capsys.readouterr().out)["rankings"]
    assert ranking["target_val_accuracy"] == 0.905
    assert ranking["cells"][0]["seconds_to_accuracy"] == 5.0
    with pytest.raises(SystemExit):
        main([*asked, "--accuracy", "97"])
    assert "97 is no share" in capsys.readouterr().err


def test_runs_that_miss_the_target_count_as_endless(experiment: Experiment) -> None:
    for seed, last in enumerate((0.99, 0.5, 0.5), start=1):
        experiment.run("jax", accuracy=(0.1, 0.2, last), seed=seed)
    (ranking,) = experiment.report.rankings
    (cell,) = ranking.cells
    assert cell.seconds_to(0.9) == [7.0, math.inf, math.inf]
    ranking.target = 0.9
    shown = next(column for column in COLUMNS if column.key == "seconds_to_accuracy").of(ranking, cell)
    assert (shown.text, shown.exact) == ("1 of 3 runs", None)


def test_runs_of_other_tools_are_not_ranked(experiment: Experiment) -> None:
    from kerasbench.store.tracking import TrackedRun, open_store

    experiment.run("jax")
    with TrackedRun(open_store(experiment.tracking), "mlflow run .", {"mlflow.project.entryPoint": "main"}):
        pass
    (ranking,) = collect(experiment.uri, experiment.name).rankings
    assert [cell.competitor for cell in ranking.cells] == ["jax"]


def test_conditions_are_those_that_all_runs_share(experiment: Experiment) -> None:
    experiment.run("jax", (3.0, 2.0), variant="trainer.epochs=2")
    experiment.run("jax", (3.0, 2.0, 2.0), variant="trainer.epochs=3")
    (ranking,) = experiment.report.rankings
    assert dict(conditions(ranking)) == {
        "data": "mnist (real)", "initial weights": "shared", "machine": "a processor, 2 cores",
    }  # fmt: skip


def test_a_store_with_options_in_its_address_is_read(experiment: Experiment) -> None:
    experiment.run("jax")
    assert len(collect(f"{experiment.uri}?timeout=60", experiment.name).rankings) == 1


def test_published_figures_and_reports_are_not_ranked(experiment: Experiment) -> None:
    experiment.run("jax")
    experiment.run("torch", kind="report")
    experiment.reference("theano", 2.6)
    report = experiment.report
    (ranking,) = report.rankings
    assert [cell.competitor for cell in ranking.cells] == ["jax"]
    assert [run.backend for run in ranking.references] == ["theano"]


def test_only_the_newest_sweep_of_parity_counts_of_a_backend_and_model_and_all_of_it(experiment: Experiment) -> None:
    experiment.parity("jax", 0.5, failure="it deviates")
    experiment.parity("jax", 1e-7, sweep="p2")
    (line,) = experiment.report.certificate
    assert (line.passed, line.deviation) == (True, 1e-7)
    experiment.parity("jax", 0.5, sweep="p3", failure="it deviates")  # of seed 1
    experiment.parity("jax", 2e-7, sweep="p3")  # of seed 2
    (line,) = experiment.report.certificate
    assert (line.passed, line.deviation, line.reason) == (False, 0.5, "it deviates")


def test_parity_of_a_changed_backend_is_not_the_backends(experiment: Experiment) -> None:
    experiment.parity("cntk", 1e-7)
    experiment.parity("cntk", 0.5, sweep="p2", failure="it deviates", variant="backend.fixes=[]")
    assert {line.competitor: line.passed for line in experiment.report.certificate} == {
        "cntk": True,
        "cntk · backend.fixes=[]": False,
    }


def test_a_sweep_is_all_that_is_ranked_and_parity_comes_from_the_whole_experiment(experiment: Experiment) -> None:
    experiment.run("jax")
    experiment.run("torch", sweep="s2")
    experiment.parity("jax", 1e-7)
    report = collect(experiment.uri, experiment.name, ["s2"])
    assert [run.backend for run in report.runs] == ["torch"]
    assert len(report.certificate) == 1


def test_an_unknown_sweep_experiment_or_store_is_told(experiment: Experiment) -> None:
    experiment.run("jax")
    with pytest.raises(UserError, match="no run of sweep s9"):
        collect(experiment.uri, experiment.name, ["s9"])
    with pytest.raises(UserError, match=f"no experiment 'none'.*{experiment.name}"):
        collect(experiment.uri, "none")
    with pytest.raises(UserError, match="does not exist yet"):
        collect(f"{experiment.uri}.none", experiment.name)


def test_an_empty_experiment_is_told(experiment: Experiment) -> None:
    from kerasbench.store.tracking import open_store

    open_store(experiment.tracking)
    with pytest.raises(UserError, match="holds no runs yet"):
        collect(experiment.uri, experiment.name)
