import json
import math
from collections.abc import Mapping, Sequence

import pytest
from scipy.stats import friedmanchisquare

from kerasbench.report import collect
from kerasbench.report.learning import Learning, learning
from tests.report.conftest import Experiment, Printed, page_of


def _write(experiment: Experiment, of_seeds: Mapping[str, Sequence[float]], **tags: str) -> None:
    """Write runs of three epochs; a list holds the last losses with seeds 1, 2, ..."""
    for backend, last in of_seeds.items():
        for seed, loss in enumerate(last, start=1):
            experiment.run(backend, seed=seed, losses=(0.5, 0.2, loss), **tags)  # type: ignore[arg-type]


def _found(experiment: Experiment) -> list[Learning]:
    return learning(experiment.report)


def test_losses_are_compared_by_their_means_over_the_seeds_that_all_have_finished(experiment: Experiment) -> None:
    _write(experiment, {"jax": [0.10, 0.12], "torch": [0.11, 0.13]})
    experiment.run("torch", seed=9, losses=(0.5, 0.2, 0.9))
    (one,) = _found(experiment)
    assert one.seeds == ["1", "2"]
    assert one.losses["torch"] == pytest.approx([0.5, 0.2, 0.12])
    assert one.spreads == pytest.approx([0, 0, 0.12 / 0.11 - 1])
    assert one.widest == 3
    assert (one.chance, one.alike) == (None, None)  # of two backends nothing can be told


def test_a_backend_that_learns_otherwise_under_every_seed_is_told_and_chance_is_not(experiment: Experiment) -> None:
    by_chance = {"jax": [0.10, 0.12, 0.11, 0.10], "torch": [0.11, 0.10, 0.12, 0.11], "theano": [0.12, 0.11, 0.10, 0.12]}
    _write(experiment, by_chance)
    otherwise = by_chance | {"mxnet": [0.21, 0.22, 0.20, 0.23], "cntk": [0.31, 0.32, 0.30, 0.33]}
    _write(experiment, otherwise, data__digest="another")
    found = {len(one.losses): one for one in _found(experiment)}
    assert found[3].alike is True
    assert found[5].alike is False
    assert found[5].chance == pytest.approx(2 * friedmanchisquare(*otherwise.values()).pvalue)  # the smaller of two


def test_equal_losses_are_alike(experiment: Experiment) -> None:
    _write(experiment, {name: [0.1, 0.2, 0.3] for name in ("jax", "torch", "cntk")})
    (one,) = _found(experiment)
    assert (one.spreads, one.equal, one.alike) == ([0, 0, 0], True, True)


def test_what_rounding_alone_makes_different_is_alike(experiment: Experiment) -> None:
    _write(experiment, {name: [0.1 + extra] * 4 for name, extra in (("jax", 0), ("torch", 1e-8), ("cntk", 2e-8))})
    (one,) = _found(experiment)
    assert one.alike is True


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
@pytest.mark.parametrize("epoch", [1, 3])
def test_a_loss_that_is_no_finite_number_is_told_wherever_it_was(
    experiment: Experiment, wrong: float, epoch: int
) -> None:
    _write(experiment, {"jax": [0.1, 0.1], "torch": [0.1, 0.1]})
    losses = [wrong if number == epoch else 0.1 for number in (1, 2, 3)]
    for seed in (1, 2):
        experiment.run("cntk", seed=seed, losses=losses)
    report = collect(experiment.uri, experiment.name)  # which keeps no such numbers as they are
    (one,) = learning(report)
    assert one.astray == ["cntk"]
    assert one.alike is False
    assert len(one.losses["jax"]) == 3
    assert "no finite number: cntk" in page_of(report)


_ORDERED = {"jax": [0.1, 0.11, 0.12], "torch": [1.0, 1.1, 1.2], "cntk": [2.3, 2.2, 2.4]}  # under every seed


def test_losses_that_the_test_could_not_deny_to_be_alike_are_not_called_alike(experiment: Experiment) -> None:
    _write(experiment, _ORDERED)
    by_chance = {"jax": [0.10, 0.12, 0.11, 0.10], "torch": [0.11, 0.10, 0.12, 0.11], "cntk": [0.12, 0.11, 0.10, 0.12]}
    _write(experiment, by_chance, data__digest="another")
    found = {len(one.seeds): one for one in _found(experiment)}
    assert (found[3].alike, found[4].alike) == (None, True)  # of two tests, twice 0.0498 is no longer below 0.05
    assert "repeats=4" in found[3].needs


def test_equal_losses_are_no_second_test(experiment: Experiment) -> None:
    _write(experiment, _ORDERED)
    _write(experiment, {name: [0.1, 0.2, 0.3, 0.2] for name in _ORDERED}, data__digest="another")
    assert {len(one.seeds): one.alike for one in _found(experiment)} == {3: False, 4: True}


@pytest.mark.parametrize(("seeds", "alike"), [(2, None), (3, False)])
def test_two_seeds_cannot_tell_and_three_can(experiment: Experiment, seeds: int, alike: bool | None) -> None:
    _write(experiment, {name: losses[:seeds] for name, losses in _ORDERED.items()})
    (one,) = _found(experiment)
    assert one.alike is alike


def test_a_stray_run_does_not_hide_the_others(experiment: Experiment) -> None:
    _write(experiment, {"jax": [0.1, 0.2, 0.1], "torch": [0.1, 0.2, 0.2], "theano": [0.2, 0.1, 0.1]})
    experiment.run("mxnet", seed=9)
    (one,) = _found(experiment)
    assert sorted(one.losses) == ["jax", "theano", "torch"]
    assert one.alike is True


def test_variants_are_compared_with_their_like_for_another_batch_has_another_loss(experiment: Experiment) -> None:
    _write(experiment, {"jax": [0.1], "torch": [0.1]}, variant="trainer.batch_size=32")
    _write(experiment, {"jax": [0.3], "torch": [0.3]}, variant="trainer.batch_size=512")
    assert [max(one.spreads) for one in _found(experiment)] == [0, 0]


@pytest.mark.slow
def test_page_and_json_tell_it(experiment: Experiment, printed: Printed) -> None:
    _write(experiment, {name: [0.1, 0.1, 0.1 + extra] for name, extra in (("jax", 0), ("torch", 0.01), ("cntk", 0.02))})
    assert "their training losses" in page_of(experiment.report)
    (told,) = json.loads(printed(experiment, "--format", "json"))["learning"]
    assert told["alike"] is True
    assert told["losses"]["cntk"][-1] == pytest.approx(0.32 / 3)
