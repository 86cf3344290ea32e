"""The published figures, as runs of the store."""

import shutil
from pathlib import Path

import pytest
from mlflow.entities import Run

from kerasbench.config.schema import TrackingConfig
from kerasbench.store import reference
from kerasbench.store.tracking import TrackedRun, open_store
from tests.conftest import runs_in


def _named(runs: list[Run], name: str) -> Run:
    (run,) = [run for run in runs if run.info.run_name == name]
    return run


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> list[Run]:
    store = f"sqlite:///{shutil.copy(empty_store, tmp_path_factory.mktemp('store'))}"
    assert reference.import_into(store, None) == (len(reference.references()), 0)
    return runs_in(store, chosen="tags.kind = 'reference'")


@pytest.mark.slow
def test_every_figure_is_a_run_with_its_source_hardware_and_versions(imported: list[Run]) -> None:
    run = _named(imported, "2017 · cntk · cifar10_cnn · cifar10")
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"steady_epoch_seconds": 29.6}
    expected = {
        "kind": "reference",
        "backend": "cntk",
        "model": "cifar10_cnn",
        "data.name": "cifar10",
        "keras.version": "2.0.8",
        "backend.version": "2.1",
        "hardware.gpu": "Tesla K80",
    }
    assert expected.items() <= run.data.tags.items()
    assert all(run.data.tags["kind"] == "reference" and run.data.tags["source"] for run in imported)


def test_a_range_is_kept_as_its_two_ends_and_nothing_in_between(imported: list[Run]) -> None:
    ends = [_named(imported, f"2017 · theano · mnist_mlp · mnist · {end} end") for end in ("lower", "upper")]
    assert [run.data.metrics["steady_epoch_seconds"] for run in ends] == [2.5, 2.7]
    assert all("range, 2.5 to 2.7 s" in run.data.tags["note"] for run in ends)


def test_what_contradicts_itself_is_said_to_on_both_sides(imported: list[Run]) -> None:
    babi = [run for run in imported if run.data.tags["model"] == "babi_rnn"]
    assert {run.data.tags["backend"] for run in babi} == {"tensorflow", "cntk", "theano"}
    assert all("contradict" in run.data.tags["mlflow.note.content"] for run in babi)


def test_a_statement_without_a_figure_gets_none(imported: list[Run]) -> None:
    run = _named(imported, "2017 · theano · mnist_hierarchical_rnn · mnist")
    assert run.data.metrics == {}
    assert "far slower" in run.data.tags["note"]


def test_documented_accuracies_stand_at_their_epoch_and_name_no_backend(imported: list[Run]) -> None:
    (one,) = [one for one in reference.references() if one.name == "documented · cifar10_cnn · cifar10"]
    assert one.metrics == {25: {"val_accuracy": 0.75}, 50: {"val_accuracy": 0.79}}
    assert "backend" not in _named(imported, one.name).data.tags


@pytest.mark.slow
def test_importing_twice_adds_nothing_and_lost_ones_come_back(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *others = reference.references()
    opened = open_store(TrackingConfig(store, str(tmp_path), "keras-backends"))
    for one in others:
        with TrackedRun(opened, one.name, one.tags):
            pass
    for written in (1, 0):
        reference.main(["import", "--uri", store])
        assert f"{written} published figures imported" in capsys.readouterr().out
    assert sorted(run.info.run_name or "" for run in runs_in(store, chosen="")) == sorted(
        one.name for one in (first, *others)
    )


def test_names_tell_the_runs_apart() -> None:
    names = [one.name for one in reference.references()]
    assert len(names) == len(set(names))


def test_list_prints_ranges_and_remarks_and_touches_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlruns/mlflow.db")
    reference.main(["list"])
    printed = capsys.readouterr().out
    assert "22.6 to 24" in printed
    assert "contradicts itself" in printed
    assert not (tmp_path / "mlruns").exists()


def test_a_typo_in_the_figures_is_one_line_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "reference.yaml"
    broken.write_text("figures:\n- {source: article, modell: mnist_mlp}\n")
    monkeypatch.setattr(reference, "FIGURES", broken)
    with pytest.raises(SystemExit):
        reference.main(["list"])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert "modell" in line
