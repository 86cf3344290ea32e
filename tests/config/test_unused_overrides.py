"""Overrides without effect are refused, in a single run and in a sweep."""

from pathlib import Path

import pytest

from kerasbench.config import composition, unused_overrides
from kerasbench.terminal.errors import UserError
from tests.stub.driver import Stub

OWN = "model={}/net.py:build"  # its initial weights are drawn on parity.reference
WITHOUT_EFFECT = [
    ["parity.steps=3"],
    ["parity={steps: 3}"],
    ["++parity.tolerance=1e-3"],
    ["parity.reference=jax"],  # mnist_mlp's initial weights are drawn in NumPy
    [OWN, "trainer.init=native", "parity.reference=jax"],
    ["backend.tuned.settings.threads=2"],
    ["backend.tuned.variables.OMP_SCHEDULE=STATIC"],
    ["settings.image_layout=channels_first"],
    [OWN, "settings.image_layout=channels_last"],
    *(
        ["task=parity", override]
        for override in (
            "trainer.epochs=3", "trainer.batch_size=8", "trainer.init=native", "trainer.augment=true",
            "trainer.callbacks=[{class_name: EarlyStopping}]", "trainer={epochs: 3}", "model.epochs=3",
            "model.metrics=[mse]", "model.build.dropout=0.1", "data.train_samples=512", "data.test_samples=32",
            "model.optimizer.learning_rate=0.1",
        )
    ),
    ["task=parity", "parity.optimizer=own", "parity.learning_rate=0.1"],
]  # fmt: skip
WITH_EFFECT = [
    [OWN, "parity.reference=jax"],
    [OWN, "backend=torch", "parity.reference=torch"],
    [OWN, "model.convolutional=true", "settings.image_layout=channels_first"],
    ["model=mnist_cnn", "settings.image_layout=channels_first"],
    ["settings.image_layout=null"],
    ["settings.variant=tuned", "backend.tuned.settings.threads=2"],
    ["task=parity", "parity={steps: 3, batch_size: 8}", "parity.reference=jax", "trainer.timeout_seconds=60"],
    ["task=parity", "parity.optimizer=own", "model.optimizer.learning_rate=0.1"],
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text("def build():\n    pass\n")
    return tmp_path


@pytest.mark.parametrize("overrides", WITHOUT_EFFECT, ids=" ".join)
def test_an_override_without_effect_is_refused(folder: Path, overrides: list[str]) -> None:
    *choices, last = (override.format(folder) if override == OWN else override for override in overrides)
    with pytest.raises(UserError) as refused:
        composition.compose([*choices, last])
    assert str(refused.value).startswith(last.lstrip("+"))
    composition.compose(choices)  # nothing else was wrong


@pytest.mark.parametrize("overrides", WITH_EFFECT, ids=" ".join)
def test_an_override_with_an_effect_is_not(folder: Path, overrides: list[str]) -> None:
    composition.compose([override.format(folder) if override == OWN else override for override in overrides])


def test_in_a_sweep_an_effect_on_one_job_is_enough() -> None:
    training, comparing = composition.compose([]), composition.compose(["task=parity"])
    given = ["task=train,parity", "trainer.epochs=3,5", "parity.steps=range(1,3)", "model.optimizer.learning_rate=0.1"]
    unused_overrides.check(given, [training, comparing])
    with pytest.raises(UserError, match=r"^parity\.steps=range\(1,3\)"):
        unused_overrides.check(given, [training])
    with pytest.raises(UserError, match=r"^trainer\.epochs=3,5"):
        unused_overrides.check(given, [comparing])


def test_augmentation_and_callbacks_exclude_each_other() -> None:
    given = ["trainer.augment=true", "trainer.callbacks=[{class_name: TerminateOnNaN}]"]
    with pytest.raises(UserError, match=r"trainer\.augment"):
        composition.compose(given)
    for one in given:
        composition.compose([one])


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [["parity.steps=3"], ["-m", "backend=theano,torch", "parity.steps=3"],
                  ["-m", "task=parity", "backend=theano,torch", "trainer.epochs=3,4"]],
    ids=" ".join,
)  # fmt: skip
def test_the_command_ends_in_one_line_with_status_2_before_any_run(stub: Stub, arguments: list[str]) -> None:
    done = stub.train(*arguments)
    assert done.returncode == 2
    assert arguments[-1] in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not stub.runs()


@pytest.mark.slow
def test_a_sweep_over_tasks_runs_both(stub: Stub) -> None:
    done = stub.train("-m", "backend=theano", "task=train,parity", "parity.steps=2", "parity.batch_size=8",
                      "parity.reference=theano")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(run.data.tags["task"] for run in stub.runs()) == ["parity", "train"]
