import io
import json
import re

import pytest
from rich.console import Console

from kerasbench.report.terminal import tables
from kerasbench.report.variants import FASTER, SLOWER, effects
from kerasbench.report.verdicts import OPEN, TIE, UNJUDGED
from tests.report.conftest import Experiment, Printed, page_of

_STOCK, _TUNED = "settings.variant=stock", "settings.variant=tuned"


@pytest.mark.parametrize(
    ("tuned", "outcome"),
    [
        ([1.5, 1.52, 1.49], FASTER),
        ([2.5, 2.52, 2.49], SLOWER),
        ([2.1, 1.9, 2.05], TIE),
        ([1.0], OPEN),
    ],
)
def test_a_variant_is_told_apart_from_the_backends_first_one_only_if_the_interval_says_so(
    experiment: Experiment, tuned: list[float], outcome: str
) -> None:
    experiment.repeated("torch", [2.0, 2.01, 1.99][: len(tuned)], variant=_STOCK)
    experiment.repeated("torch", tuned, variant=_TUNED)
    (ranking,) = experiment.report.rankings
    (effect,) = effects(ranking)
    assert (effect.variant, effect.baseline) == (f"torch · {_TUNED}", f"torch · {_STOCK}")
    assert effect.outcome == outcome


def test_a_variant_whose_runs_were_disturbed_is_not_judged(experiment: Experiment) -> None:
    experiment.repeated("torch", [2.0, 2.01, 1.99], variant=_STOCK)
    experiment.repeated("torch", [1.0, 1.01, 0.99], variant=_TUNED, noise="other processes used 80% of a core")
    (ranking,) = experiment.report.rankings
    assert [effect.outcome for effect in effects(ranking)] == [UNJUDGED]


def test_each_backend_has_its_own_baseline_and_a_drift_of_the_machine_is_in_both(experiment: Experiment) -> None:
    for backend, steady in (("torch", [3.0, 6.0, 12.0]), ("jax", [1.0, 2.0, 4.0])):
        experiment.repeated(backend, steady, variant=_STOCK)
        experiment.repeated(backend, [seconds / 2 for seconds in steady], variant=_TUNED)
    (ranking,) = experiment.report.rankings
    assert [(one.backend, one.outcome) for one in effects(ranking)] == [("jax", FASTER), ("torch", FASTER)]
    assert [one.ratio.value for one in effects(ranking)] == pytest.approx([0.5, 0.5])


def test_without_variants_nothing_is_said_of_them(experiment: Experiment, printed: Printed) -> None:
    experiment.repeated("jax", [1.0, 1.0, 1.01])
    experiment.repeated("torch", [2.0, 2.0, 2.01])
    (ranking,) = experiment.report.rankings
    assert effects(ranking) == []
    assert json.loads(printed(experiment, "--format", "json"))["rankings"][0]["variants"] == []


@pytest.mark.slow
def test_every_form_of_the_report_tells_of_variants(experiment: Experiment, printed: Printed) -> None:
    experiment.repeated("torch", [2.0, 2.01, 1.99], variant=_STOCK)
    experiment.repeated("torch", [1.0, 1.01, 0.99], variant=_TUNED)
    told = f"torch · {_TUNED} takes 0.500 times as long as torch · {_STOCK}"
    assert told in printed(experiment, "--format", "markdown")
    (found,) = json.loads(printed(experiment, "--format", "json"))["rankings"][0]["variants"]
    assert found["outcome"] == FASTER
    assert found["ratio"]["value"] == pytest.approx(0.5, rel=1e-3)
    report = experiment.report
    page = page_of(report)
    assert 'data-key="variant_ratio"' in page
    assert re.search(r'data-key="variant_ratio" data-value="0.49998', page)
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(*tables(report))
    assert told in " ".join(console.export_text().split())


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_a_narrow_terminal_has_fewer_columns_and_no_cut_numbers(experiment: Experiment, width: int) -> None:
    experiment.repeated("torch", [2.0, 2.01, 1.99], variant=f"{_STOCK} model.optimizer.learning_rate=0.001 seed=3")
    experiment.repeated("torch", [1.0, 1.01, 0.99], variant=_TUNED)
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(*tables(experiment.report))
    text = console.export_text()
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    assert re.search(r"2\.00\d* \d\.\d+\N{EN DASH}\d\.\d+ ", text)
    assert "learning_rate=0.001" in text
    assert ("examples" in text) == (width == 140)
