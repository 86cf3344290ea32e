"""The summary printed and stored after the last job."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from kerasbench.config import composition
from kerasbench.config.schema import Config
from kerasbench.jobs import summary
from kerasbench.store.tracking import TrackedRun, open_store
from kerasbench.tasks.outcome import Outcome


@pytest.fixture
def settings(store: str, tmp_path: Path) -> list[str]:
    return [f"tracking.uri={store}", f"tracking.artifacts={tmp_path}/artifacts"]


def _run(composed: Config, backend: str, seconds: float | None, status: str = "FINISHED") -> Outcome:
    tags = {"task": "train", "backend": backend, "model": "mnist_mlp", "sweep": "s1", "data.name": "mnist",
            "data.digest": "d", "hardware.fingerprint": "h", "comparison.hash": "c"}  # fmt: skip
    outcome = Outcome(backend, "mnist_mlp", 1, status=status)
    with TrackedRun(open_store(composed.tracking), f"{backend} · mnist_mlp · seed 1", tags) as tracked:
        outcome.run_id = tracked.run_id
        tracked.params({"seed": "1", "trainer.init": "shared"})
        if seconds is not None:
            for epoch in (1, 2, 3):
                tracked.metrics({"epoch_seconds": seconds, "val_accuracy": 0.875, "validation_seconds": 0.1}, epoch)
            tracked.metrics({"steady_epoch_seconds": seconds, "first_epoch_seconds": seconds})
        if status == "FAILED":
            outcome.failure = "it broke"
            tracked.fail(outcome.failure)
    return outcome


@pytest.mark.slow
def test_every_run_is_a_row_and_the_report_is_written_kept_and_linked(
    settings: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    composed = composition.compose(settings)
    outcomes = [_run(composed, "jax", 2.5), _run(composed, "theano", 7.5)]
    assert summary.summarise(outcomes, "s1", composed, tmp_path / "report")
    printed = capsys.readouterr().out
    for text in ("jax", "theano", "2.5", "7.5", "0.8750", "/#/experiments/1/runs"):
        assert text in printed
    assert (tmp_path / "report" / "report.html").exists()
    client = MlflowClient(composed.tracking.uri)
    (kept,) = client.search_runs(["1"], "tags.kind = 'report'")
    assert "report.html" in {artifact.path for artifact in client.list_artifacts(kept.info.run_id)}


def test_a_failure_is_told_with_its_reason(
    settings: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    composed = composition.compose([*settings, "report=false"])
    outcomes = [_run(composed, "jax", 2.5), _run(composed, "theano", None, "FAILED")]
    unrecorded = Outcome("cntk", "mnist_mlp", 1, status="FAILED", failure="no interpreter")
    assert not summary.summarise([*outcomes, unrecorded], "s1", composed, tmp_path / "report")
    printed = capsys.readouterr().out
    assert "it broke" in printed
    assert "cntk · mnist_mlp · seed 1: no interpreter" in printed
    assert not (tmp_path / "report").exists()


def test_parity_is_a_table_of_backends_by_models(
    settings: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = [
        Outcome("jax", "mnist_mlp", 1, task="parity", status="FINISHED", deviation=2e-7),
        Outcome("jax", "babi_rnn", 1, task="parity", status="FAILED", deviation=0.03, failure="it deviates"),
    ]
    assert not summary.summarise(cells, "s1", composition.compose([*settings, "task=parity"]), tmp_path)
    printed = capsys.readouterr().out
    assert "pass 2e-07" in printed
    assert "FAIL 3e-02" in printed
    assert "jax · babi_rnn · seed 1: it deviates" in printed


def test_a_cell_of_parity_fails_where_one_of_its_runs_does_and_a_variant_has_a_row_of_its_own(
    settings: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [
        Outcome("jax", "mnist_mlp", 1, task="parity", status="FAILED", deviation=0.03, failure="it deviates"),
        Outcome("jax", "mnist_mlp", 2, task="parity", status="FINISHED", deviation=2e-7),
        Outcome("jax", "mnist_mlp", 1, "parity", ["settings.threads=1"], status="FINISHED", deviation=3e-7),
    ]
    assert not summary.summarise(runs, "s1", composition.compose([*settings, "task=parity"]), tmp_path)
    plain, variant = (line for line in capsys.readouterr().out.splitlines() if "0" in line and "seed" not in line)
    assert "FAIL (1 of 2) 3e-02" in plain
    assert "jax · settings.threads=1" in variant
    assert "pass 3e-07" in variant
