"""The checks of a user's own script before any job starts."""

from pathlib import Path

import pytest

from kerasbench.config import composition
from kerasbench.config.schema import Init
from kerasbench.terminal.errors import UserError


@pytest.fixture
def script(tmp_path: Path) -> Path:
    file = tmp_path / "my train.py"
    file.write_text("print('trains')")
    return file


def test_a_script_replaces_the_model_and_the_data(script: Path) -> None:
    config = composition.compose([f"script='{script}'", "args='--epochs 3'", "seed=5"])
    assert config.script == str(script)
    assert config.args == "--epochs 3"
    assert config.model.name == "my-train"
    assert config.model.digest
    assert config.data.root is None
    assert config.trainer.init is Init.native
    assert composition.compose([f"script='{script}'", "trainer.init=shared"]).trainer.init is Init.shared


@pytest.mark.parametrize(
    "override",
    [
        "model=mnist_cnn", "model.build.units=3", "model.optimizer.learning_rate=0.1", "data=cifar10",
        "data.train_samples=8", "trainer.epochs=3", "trainer.batch_size=8", "trainer.augment=true",
        "trainer.callbacks=[{class_name: EarlyStopping}]", "settings.image_layout=channels_first",
        "task=parity", "experiment=quick", "args='\"open'",
    ],
)  # fmt: skip
def test_what_a_script_decides_itself_is_refused_beside_it(script: Path, override: str) -> None:
    with pytest.raises(UserError, match=override.partition("=")[0]):
        composition.compose([f"script='{script}'", override])


@pytest.mark.parametrize(
    ("content", "reason"), [(b"print 'x'", "line 1"), (b"x = 1\n)", "line 2"), (b"\0", "null"), (b"\xff", "")]
)
def test_what_is_no_python_is_refused(script: Path, content: bytes, reason: str) -> None:
    script.write_bytes(content)
    with pytest.raises(UserError, match=f"script=.*{reason}"):
        composition.compose([f"script='{script}'"])


def test_a_missing_file_a_folder_and_arguments_of_no_script_are_refused(script: Path) -> None:
    for overrides in ([f"script={script.parent}"], [f"script={script.parent}/none.py"], ["args=x"]):
        with pytest.raises(UserError, match=overrides[0].partition("=")[0]):
            composition.compose(overrides)
