"""What is printed after the last job."""

import math
from pathlib import Path

import pytest
from rich.console import Console

from kerasbench.outcome import Outcome
from kerasbench.sweep import summarise


@pytest.fixture
def console() -> Console:
    return Console(width=140, record=True)


def _outcome(backend: str, **fields: object) -> Outcome:
    finished = {
        "model": "mnist_mlp",
        "seed": 1,
        "status": "FINISHED",
        "run_id": "r",
        "experiment_id": "7",
        "keras_version": "3.15.1",
        "data": "mnist",
        "epoch_seconds": [9.0, 2.0, 4.0],
        "last_epoch": {"val_accuracy": 0.98765},
    }
    return Outcome(backend=backend, **{**finished, **fields})  # type: ignore[arg-type]


def test_every_run_is_a_row_with_its_steady_seconds_and_the_comparison_is_linked(console: Console) -> None:
    assert summarise([_outcome("tensorflow"), _outcome("jax")], console)
    printed = console.export_text()
    assert "model: mnist_mlp" in printed  # common to all: above the table
    assert "3.00" in printed
    assert "0.9877" in printed
    assert "/#/experiments/7/runs" in printed


def test_a_single_epoch_is_marked_as_the_first(console: Console) -> None:
    summarise([_outcome("jax", epoch_seconds=[9.0])], console)
    assert "9.00 (first)" in console.export_text()


def test_a_failure_is_told_with_its_reason(console: Console) -> None:
    failed = _outcome("theano", status="FAILED", failure="it broke", epoch_seconds=[], last_epoch={})
    assert not summarise([_outcome("jax"), failed], console)
    assert "theano · mnist_mlp · seed 1: it broke" in console.export_text()


def test_parity_is_a_table_of_backends_by_models(console: Console) -> None:
    cells = [
        _outcome("jax", task="parity", deviation=2e-7),
        _outcome("jax", task="parity", model="babi_rnn", deviation=0.03, status="FAILED"),
    ]
    assert not summarise(cells, console)
    printed = console.export_text()
    assert "pass 2e-07" in printed
    assert "FAIL 3e-02" in printed


def test_the_objective_is_the_last_epochs_value_and_not_a_number_where_a_run_failed() -> None:
    assert _outcome("jax").objective("val_accuracy") == 0.98765
    assert math.isnan(_outcome("jax").objective("nosuch"))
    assert math.isnan(_outcome("jax", status="FAILED").objective("val_accuracy"))


def test_an_outcome_is_kept_in_the_jobs_folder(tmp_path: Path) -> None:
    assert Outcome.load(tmp_path) is None
    _outcome("jax").save(tmp_path)
    assert Outcome.load(tmp_path) == _outcome("jax")
