"""A user's own models and data on real backends: the same start, the same losses, the same training as by hand."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from kerasbench.config.composition import backend_named
from kerasbench.environments import Specification, provision
from kerasbench.paths import PROJECT
from tests.conftest import runs_in
from tests.integration import own
from tests.integration.own.arrays import write

pytestmark = pytest.mark.slow

NETS = Path(own.__file__).parent / "nets.py"
QUICK = ("report=false", "noise=keep", "settings.threads=1")
FEW_STEPS = ("task=parity", "parity.steps=3", "parity.batch_size=16")

Train = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def train_own(command: Callable[..., list[str]], tmp_path: Path) -> Train:
    """Run train.py from a folder that holds nothing but the user's own files."""
    (tmp_path / "nets.py").write_bytes(NETS.read_bytes())
    write(tmp_path)
    of_data = ("data.source", "data.train_samples", "data.test_samples")

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        line = [word for word in command(*arguments) if not word.startswith(of_data)]
        return subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=600)

    return run


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("models", "data", "backends"),
    [
        (["resnet", "bidirectional_gru", "Subclassed"], "images", ["torch", "tensorflow1"]),
        (["resnet"], "images", ["mxnet"]),  # whose batch normalization trained no gamma
        (["two_outputs"], "both", ["jax", "cntk", "mxnet"]),
    ],
)
def test_a_model_without_names_computes_the_same_on_every_backend(
    train_own: Train, store: str, models: list[str], data: str, backends: list[str]
) -> None:
    named = ",".join(f"./nets.py:{model}" for model in models)
    done = train_own("-m", *FEW_STEPS, f"backend={','.join(backends)}", f"model={named}", f"data=./{data}.npz", *QUICK)
    assert done.returncode == 0, done.stdout
    deviations = [run.data.metrics["parity_max_deviation"] for run in runs_in(store)]
    assert len(deviations) == len(models) * len(backends)
    assert max(deviations) < 1e-4


@pytest.mark.thorough
def test_a_model_that_a_backend_cannot_build_is_a_failed_run_with_the_users_own_line(
    train_own: Train, store: str
) -> None:
    done = train_own(
        "-m", "backend=jax,cntk", "model=./nets.py:transformer", "data=./words.npz", "trainer.epochs=1", *QUICK
    )
    assert done.returncode == 1
    runs = {run.data.tags["backend"]: run for run in runs_in(store)}
    assert runs["jax"].info.status == "FINISHED"
    assert runs["cntk"].info.status == "FAILED"
    line = next(number for number, text in enumerate(NETS.read_text().splitlines(), 1) if "LayerNormalization" in text)
    assert runs["cntk"].data.tags["failure"].startswith(f"nets.py:{line}: AttributeError")


@pytest.mark.thorough
def test_a_ranking_of_own_models_has_one_start(train_own: Train, store: str) -> None:
    for model, data in (("regression", "values"), ("sigmoid", "answers"), ("sparse", "images")):
        done = train_own(
            "-m", "backend=jax,torch", f"model=./nets.py:{model}", f"data=./{data}.npz", "trainer.epochs=1", *QUICK
        )
        assert done.returncode == 0, done.stdout
        probes = [
            run.data.metrics["parity_probe_loss"] for run in runs_in(store) if run.data.tags["model"] == f"nets.{model}"
        ]
        assert probes[0] == pytest.approx(probes[1], rel=1e-5)
    metrics = {run.data.tags["model"]: set(run.data.metrics) for run in runs_in(store)}
    assert {"val_loss", "val_mean_absolute_error"} < metrics["nets.regression"]
    assert "val_accuracy" not in metrics["nets.regression"]
    assert "val_accuracy" in metrics["nets.sigmoid"]


def test_an_optimizer_a_schedule_and_early_stopping_train_as_by_hand(
    train_own: Train, store: str, tmp_path: Path
) -> None:
    random = np.random.RandomState(2)
    centres = random.normal(size=(4, 10))
    labels = random.randint(0, 4, 400)
    x = (centres[labels] + 1.5 * random.normal(size=(400, 10))).astype(np.float32)
    np.savez(tmp_path / "split.npz", x_train=x[:200], y_train=labels[:200], x_test=x[200:], y_test=labels[200:])
    done = train_own(
        "backend=torch", "model=./nets.py:regularised", "data=./split.npz", "trainer.init=native", "trainer.epochs=12",
        "model.optimizer={class_name:AdamW,learning_rate:0.01,weight_decay:1e-3,clipnorm:1.0}",
        "model.schedule={class_name:CosineDecay,decay_steps:100}",
        "trainer.callbacks=[{class_name:EarlyStopping,monitor:val_loss,patience:1}]", "noise=keep", "report=false",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    python = provision(Specification(backend_named("torch"), PROJECT / ".envs"), print).python
    bare = subprocess.run(
        [str(python), str(NETS.with_name("bare.py")), str(tmp_path / "split.npz")],
        env=os.environ | {"KERAS_BACKEND": "torch"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    by_hand = json.loads(bare.stdout.splitlines()[-1])
    (run,) = runs_in(store)
    client = MlflowClient(store)
    for name in ("loss", "val_loss", "val_accuracy"):
        history = client.get_metric_history(run.info.run_id, name)
        values = [one.value for one in sorted(history, key=lambda one: one.step)]
        assert len(values) == len(by_hand[name]) < 12  # stopped early, and at the same epoch
        assert values == pytest.approx(by_hand[name], abs=1e-5)
