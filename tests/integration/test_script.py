"""One script, unchanged, on every backend: a regression with early stopping, sample weights and its own validation."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

from kerasbench.paths import PROJECT
from tests.conftest import QUICK_THEANO, runs_in, theano

pytestmark = pytest.mark.slow

BACKENDS = "tensorflow,jax,torch,tensorflow1,cntk,theano,mxnet"


@theano
def test_the_example_trains_unchanged_on_all_seven_backends(tmp_path: Path, store: str) -> None:
    script = PROJECT / "examples" / "train_script.py"
    command = [
        sys.executable, str(PROJECT / "train.py"), "-m", f"backend={BACKENDS}", f"script={script}",
        "args='--epochs 12 --examples 400'", f"tracking.uri={store}", f"tracking.artifacts={tmp_path}/artifacts",
        f"hydra.sweep.dir={tmp_path}/outputs", "noise=keep", "report=false", "trainer.init=shared",
        QUICK_THEANO,
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    client = MlflowClient(store)
    runs = {run.data.tags["backend"]: run for run in runs_in(store)}
    assert set(runs) == set(BACKENDS.split(","))
    for name, run in runs.items():
        loss = [point.value for point in client.get_metric_history(run.info.run_id, "val_loss")]
        assert 1 < len(loss) <= 12
        assert min(loss) < loss[0]  # it has learnt something
        assert {"epoch_seconds", "examples_per_second", "before_fit_seconds", "parameters"} <= set(run.data.metrics)
        assert ("validation_seconds" in run.data.metrics) == (name != "mxnet")
        assert run.data.tags.get("validation") == ("in epoch_seconds" if name == "mxnet" else None)
        assert "train_script.py" in {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
