"""Composing a configuration from conf/ and the command line."""

from pathlib import Path

import hydra
import pytest
from hydra import initialize_config_dir
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from kerasbench.config import composition
from kerasbench.paths import CONF
from kerasbench.terminal.errors import UserError, one_line
from tests import compositions


@pytest.mark.parametrize("group", ["backend", "model"])
def test_every_choice_composes_under_its_own_name(group: str) -> None:
    for path in (CONF / group).glob("*.yaml"):
        composed = composition.compose([f"{group}={path.stem}"])
        assert getattr(composed, group).name == path.stem


def test_epochs_and_batch_size_are_the_models_unless_overridden() -> None:
    assert composition.compose(["model=mnist_cnn"]).trainer.epochs == 12
    assert composition.compose(["model=mnist_cnn", "trainer.epochs=2"]).trainer.epochs == 2


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("trainer.epochs=0", "trainer.epochs"),
        ("trainer.batch_size=-1", "trainer.batch_size"),
        ("data.train_samples=0", "data.train_samples"),
        ("seed=-1", "seed"),
        ("repeats=0", "repeats"),
        ("settings.threads=0", "settings.threads"),
        ("telemetry.interval_seconds=0", "telemetry.interval_seconds"),
        ("parity.reference=nosuch", "parity.reference"),
    ],
)
def test_a_value_out_of_range_is_named(override: str, named: str) -> None:
    with pytest.raises(UserError, match=named):
        composition.compose([override])


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"data.root={tmp_path}/missing"):
        composition.compose([f"data.root={tmp_path}/missing"])


def test_augmentation_is_refused_where_there_are_no_images() -> None:
    with pytest.raises(UserError, match=r"trainer\.augment=true .* babi_qa2 holds none"):
        composition.compose(["model=babi_rnn", "trainer.augment=true"])
    assert composition.compose(["model=cifar10_cnn", "trainer.augment=true"]).trainer.augment


def test_a_typo_is_an_error_that_names_the_key() -> None:
    with pytest.raises(Exception, match="epoch") as caught:
        composition.compose(["trainer.epoch=3"])
    assert one_line(caught.value) == "Could not override 'trainer.epoch'. Key 'epoch' not in 'TrainerConfig'"


def test_a_word_where_a_number_belongs_is_an_error_that_names_both() -> None:
    with pytest.raises(Exception, match=r"trainer\.epochs") as caught:
        composition.compose(["trainer.epochs=many"])
    assert "trainer.epochs=many" in one_line(caught.value)
    assert "Integer" in one_line(caught.value)


def test_the_environment_variables_of_the_user_are_honoured(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.example")
    monkeypatch.setenv("KERASBENCH_DATA", str(tmp_path))
    composed = composition.compose([])
    assert composed.tracking.uri == "http://tracking.example"
    assert composed.data.root == str(tmp_path)


def test_what_only_reads_the_store_needs_no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KERASBENCH_DATA", str(tmp_path / "missing"))
    assert composition.store("sqlite:////elsewhere.db", None).uri == "sqlite:////elsewhere.db"


def test_a_missing_mandatory_value_is_an_error() -> None:
    with pytest.raises(OmegaConfBaseException, match="module"):
        composition.compose(["model.module=???"])


@pytest.mark.parametrize(
    "overrides",
    [
        [], ["backend=theano", "model=babi_rnn", "data.train_samples=7"], ["+backend.variables.A=b", "seed=3"],
        ["experiment=quick", "trainer.epochs=2"], ["hydra.run.dir=x", "label='a b'"], ["+model.build={a: 1}"],
        ["~model.build.units"], ["trainer.epoch=3"], ["backend=nosuch"], ["seed=1,2"], ["nosuch/group=1"], ["a@b=1"],
    ],
)  # fmt: skip
def test_what_the_tests_compose_is_what_hydra_composes(overrides: list[str]) -> None:
    composition.register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        found = []
        for compose in (hydra.compose, compositions.compose):
            try:
                found.append(OmegaConf.to_container(compose("config", overrides)))
            except HydraException as error:
                found.append((type(error), one_line(error)))
    assert found[0] == found[1]
