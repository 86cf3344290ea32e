"""How the competitors were compiled, and the sweep that compiles them alike."""

import io
import json

import pytest
from rich.console import Console

from kerasbench.report import tables
from kerasbench.report.differences import compilation
from tests.report.conftest import Experiment, Printed, page_of

_STOCK = {
    "jax": {"in_force__compilation": "XLA", "in_force__jit_compile": "True"},
    "tensorflow": {"in_force__compilation": "graph", "in_force__jit_compile": "False"},
    "torch": {"in_force__compilation": "eager", "in_force__jit_compile": "False"},
    "theano": {"in_force__compilation": "C"},
}


def _stock(experiment: Experiment, *backends: str) -> str:
    for backend in backends:
        experiment.repeated(backend, [2.0, 2.1], **_STOCK[backend])
    (ranking,) = experiment.report.rankings
    return compilation(ranking)


@pytest.mark.parametrize(
    ("backends", "sweep"),
    [
        (["jax", "tensorflow", "torch"], "backend=jax,tensorflow,torch settings.jit_compile=true"),
        (["theano", "torch", "jax"], "backend=jax,torch settings.jit_compile=true"),  # Theano has no such setting
        (["theano", "torch"], ""),  # which would leave torch alone
    ],
)
def test_competitors_that_are_compiled_differently_are_named_with_the_sweep_that_makes_them_alike(
    experiment: Experiment, backends: list[str], sweep: str
) -> None:
    line = _stock(experiment, *backends)
    assert all(f"{backend} {_STOCK[backend]['in_force__compilation']}" in line for backend in backends)
    assert f"`{sweep}`" in line if sweep else "`" not in line


def test_what_was_asked_for_is_not_offered_again(experiment: Experiment) -> None:
    asked = {"settings.jit_compile": "True"}
    experiment.run("jax", params=asked, **_STOCK["jax"])  # type: ignore[arg-type]
    experiment.run("torch", params=asked, in_force__compilation="torch.compile", in_force__jit_compile="True")
    # A model that XLA does not support:
    experiment.run("tensorflow", params=asked, **_STOCK["tensorflow"])  # type: ignore[arg-type]
    (ranking,) = experiment.report.rankings
    assert "torch torch.compile" in compilation(ranking)
    assert "`" not in compilation(ranking)


def test_competitors_compiled_alike_and_stores_without_the_tag_need_no_line(experiment: Experiment) -> None:
    experiment.run("jax")
    experiment.run("torch")
    assert compilation(experiment.report.rankings[0]) == ""
    for backend in ("tensorflow", "theano"):
        experiment.run(backend, in_force__compilation="XLA", data__digest="d2")
    assert [compilation(ranking) for ranking in experiment.report.rankings] == ["", ""]


def test_every_form_of_the_report_tells_it(experiment: Experiment, printed: Printed) -> None:
    _stock(experiment, "jax", "tensorflow", "torch")
    assert "settings.jit_compile=true" in printed(experiment, "--format", "markdown")
    (ranking,) = json.loads(printed(experiment, "--format", "json"))["rankings"]
    assert {cell["in_force.compilation"] for cell in ranking["cells"]} == {"XLA", "graph", "eager"}
    assert "settings.jit_compile=true</code>" in page_of(experiment.report)
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(*tables(experiment.report))
    text = console.export_text()
    assert all(word in text for word in ("compiled", "XLA", "graph", "eager"))
