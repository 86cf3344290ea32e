"""In what the competitors of a GPU ranking were not treated alike, and what grows."""

import io
import json

import pytest
from rich.console import Console

from kerasbench.report import tables
from kerasbench.report.differences import lines
from kerasbench.report.verdicts import sentence
from tests.report.conftest import Experiment, Printed, page_of

_H100 = {"hardware__gpu": "H100", "in_force__device": "H100"}
_STOCK = {
    "jax": {"in_force__tf32": "True", "in_force__cudnn": "91200"},
    "tensorflow": {"in_force__tf32": "True", "in_force__cudnn": "9"},
    "torch": {"in_force__tf32": "False", "in_force__cudnn_tf32": "True", "in_force__cudnn": "91002"},
}


def _lines(experiment: Experiment, *backends: str, **changes: str) -> list[str]:
    for backend in backends:
        experiment.repeated(backend, [2.0, 2.1], **(_H100 | _STOCK[backend] | changes))
    (ranking,) = experiment.report.rankings
    return lines(ranking)


def test_tf32_is_told_by_competitor_with_the_setting_that_ends_it(experiment: Experiment) -> None:
    (line,) = _lines(experiment, "jax", "tensorflow", "torch")
    assert "TF32" in line
    assert "on (jax, tensorflow)" in line
    assert "cuDNN only (torch)" in line
    assert "`settings.matmul_precision=highest`" in line


def test_what_is_alike_needs_no_line(experiment: Experiment) -> None:
    assert _lines(experiment, "jax", "tensorflow", in_force__cudnn="9") == []


@pytest.mark.parametrize(("other", "differs"), [("9", False), ("91201", True), ("9.12.0", False), ("8907", True)])
def test_versions_of_cudnn_are_compared_as_far_as_both_are_told(
    experiment: Experiment, other: str, differs: bool
) -> None:
    experiment.repeated("jax", [2.0, 2.1], **_H100, in_force__cudnn="91200")
    experiment.repeated("torch", [2.0, 2.1], **_H100, in_force__cudnn=other)
    (ranking,) = experiment.report.rankings
    assert bool(lines(ranking)) == differs
    assert not differs or "9.12.0 (jax)" in lines(ranking)[0] or "9 (jax)" in lines(ranking)[0]


def test_two_cards_in_one_ranking_are_told(experiment: Experiment) -> None:
    experiment.repeated("jax", [2.0, 2.1], **_H100)
    experiment.repeated("torch", [2.0, 2.1], **(_H100 | {"in_force__device": "H100 MIG 1g.10gb"}))
    (line,) = lines(experiment.report.rankings[0])
    assert "H100 (jax)" in line
    assert "H100 MIG 1g.10gb (torch)" in line


def test_on_a_cpu_only_the_compilation_is_told(experiment: Experiment) -> None:
    experiment.repeated("tensorflow", [2.0, 2.1], in_force__tf32="True", in_force__compilation="graph")
    experiment.repeated("torch", [2.0, 2.1], in_force__tf32="False", in_force__compilation="eager")
    (line,) = lines(experiment.report.rankings[0])
    assert "tensorflow graph" in line


def test_the_lines_come_with_the_verdict_in_every_form(experiment: Experiment, printed: Printed) -> None:
    (line,) = _lines(experiment, "jax", "torch", in_force__cudnn="9")
    verdict = sentence(experiment.report.rankings[0])
    console = Console(width=300, record=True, file=io.StringIO())
    console.print(*tables(experiment.report))
    text = console.export_text()
    assert text.index(verdict) < text.index(line) < text.index("epoch", text.index(line))
    (ranking,) = json.loads(printed(experiment, "--format", "json"))["rankings"]
    assert ranking["verdict"]["treated_differently"] == [line]
    markdown = printed(experiment, "--format", "markdown")
    assert markdown.index("TF32 differs") < markdown.index("| backend")
    page = page_of(experiment.report)
    assert page.count("TF32 differs") == 2  # among the answers, and with its ranking


def test_memory_that_grows_is_a_warning_with_its_figure(experiment: Experiment, printed: Printed) -> None:
    for seed, growth in ((1, 8.0), (2, 8.4), (3, None)):
        experiment.run("torch", seed=seed, **_H100)  # type: ignore[arg-type]
        if growth:
            experiment._runs[-1].metrics["device_growth_mib"] = growth  # type: ignore[index]
    (warning,) = json.loads(printed(experiment, "--format", "json"))["warnings"]
    assert "8.2 MiB an epoch in 2 of 3 runs" in warning
