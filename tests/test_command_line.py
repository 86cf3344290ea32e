"""How train.py reports wrong input, before it installs or trains anything."""

from pathlib import Path
from subprocess import CompletedProcess

import pytest
from hydra import compose, initialize_config_dir
from mlflow import MlflowClient

from kerasbench.config import composition
from kerasbench.paths import CONF
from kerasbench.terminal.errors import reporting
from tests.conftest import Train
from tests.stub.driver import Stub

pytestmark = pytest.mark.slow  # each runs train.py


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["backend=nosuch"], "backend/nosuch"),
        (["model=nosuch"], "model/nosuch"),
        (["trainer.epochs=-1"], "trainer.epochs"),
        (["trainer.epoch=3"], "trainer.epoch"),
        (["trainer.epochs=many"], "trainer.epochs"),
        (["data.root=missing", "data.source=real"], "/missing"),
        (["-m", "backend=tensorflow,nosuch"], "backend/nosuch"),
        (["-m", "trainer.epochs=1,-1"], "trainer.epochs"),
        (["+trainer.learning_rate=99"], "trainer.learning_rate"),
        (["-m", "backend=tensorflow,null"], "backend"),
        (["backend=null"], "backend=null"),
        (["+hydra.nosuch=1"], "hydra.nosuch"),
        (["hydra.run.dir=/dev/null/x"], "/dev/null"),
        (["-m", "seed=1,2", "hydra.sweep.dir=/dev/null/x"], "/dev/null"),
        (["environments.folder=/proc/nosuch"], "/proc/nosuch"),
        (["-m", "seed=range(0,1000000)"], "1000000 jobs"),
        (["-m", "repeats=2", "seed=4294967295"], "seed=4294967295"),
    ],
)
def test_wrong_input_is_one_line_that_names_it(stub: Stub, arguments: list[str], named: str) -> None:
    _refused(stub.train(*arguments), named)
    assert not stub.runs()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["label=[" + "[" * 2000], "nested"),
        (["-m", "trainer.epochs=1,-1"], "trainer.epochs"),
        (["backend.interpreter=./missing", "environments.folder=made-by-a-test"], "backend.interpreter=./missing"),
    ],
)
def test_nothing_is_left_of_a_command_with_wrong_input(
    train: Train, store: str, tmp_path: Path, arguments: list[str], named: str
) -> None:
    _refused(train(*arguments), named)
    assert MlflowClient(store).get_experiment_by_name("keras-backends") is None
    assert not (tmp_path / "artifacts").exists()


def _refused(done: "CompletedProcess[str]", named: str) -> None:
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) == 1, done.stderr
    line = done.stderr.strip()
    assert line.startswith("error: ")
    assert named in line


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("http://user:secret@127.0.0.1:9", "Connection refused"),
        ("nosuch://user:secret@127.0.0.1/mlflow", "nosuch"),
    ],
)
def test_a_store_that_cannot_be_used_ends_a_sweep_in_one_line_before_anything_is_installed(
    train: Train, tmp_path: Path, uri: str, why: str
) -> None:
    folder = f"environments.folder={tmp_path}/envs"
    variables = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    done = train("-m", "backend=tensorflow,theano", "tracking.uri=${oc.env:MLFLOW_TRACKING_URI}", folder, **variables)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: tracking.uri=")
    assert why in line
    assert "secret" not in line + done.stdout
    assert not list((tmp_path / "envs").glob("*"))


def test_an_error_that_hydra_did_not_foresee_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    composition.register()
    with initialize_config_dir(str(CONF), version_base="1.3"), pytest.raises(SystemExit) as exit, reporting():
        compose("config", ["backend=null"])
    assert exit.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_an_error_of_our_own_is_not_called_the_users() -> None:
    with pytest.raises(ValueError, match="ours"), reporting():
        raise ValueError("ours")


def test_help_shows_the_choices_the_overrides_and_examples(train: Train) -> None:
    done = train("--help")
    assert done.returncode == 0
    for text in ("backend: cntk", "model: ", "trainer.epochs=", "python train.py -m backend=tensorflow,cntk,theano"):
        assert text in done.stdout
