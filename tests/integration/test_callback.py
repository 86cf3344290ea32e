"""`MlflowCallback` in a `fit` of the user's own process, on the three backends of Keras 3."""

import json
import os
import subprocess
import sysconfig
from pathlib import Path

import pytest
from mlflow import MlflowClient

from kerasbench.config.composition import backend_named
from kerasbench.environments import Specification, provision
from kerasbench.paths import PROJECT
from kerasbench.report import collect
from kerasbench.report.__main__ import main
from kerasbench.vocabulary import Metric
from tests.conftest import runs_in

BACKENDS = ("tensorflow", "jax", "torch")
LOGS = {"loss", "mae", "val_loss", "val_mae"}  # of the example's model
OF_TRAIN = {value for name, value in vars(Metric).items() if name.isupper() and isinstance(value, str)}

pytestmark = pytest.mark.slow


def _run(backend: str, store: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python where Keras and its backend are installed, and kerasbench and MLflow can be imported."""
    python = provision(Specification(backend_named(backend), PROJECT / ".envs"), print).python
    path = os.pathsep.join([str(PROJECT), sysconfig.get_paths()["purelib"]])
    own = {"KERAS_BACKEND": backend, "PYTHONPATH": path, "MLFLOW_TRACKING_URI": store, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [str(python), *arguments], env=os.environ | own, capture_output=True, text=True, timeout=600, cwd=PROJECT
    )


@pytest.mark.thorough
def test_the_example_logs_what_train_py_logs_and_the_report_ranks_it(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for backend in BACKENDS:
        done = _run(backend, store, "examples/callback.py")
        assert done.returncode == 0, done.stderr
    client = MlflowClient(store)
    for run in runs_in(store):
        assert run.info.status == "FINISHED"
        names = set(run.data.metrics)
        assert names >= LOGS | set(Metric.OF_RUN) | {"epoch_seconds", "validation_seconds", "examples_per_second"}
        others = {name for name in names - LOGS - OF_TRAIN if not name.startswith(("system/", "gpu_"))}
        assert others <= {"cpu_percent", "rss_mib", "parameters"}
        for metric in ("epoch_seconds", "validation_seconds", "val_mae"):
            assert sorted(one.step for one in client.get_metric_history(run.info.run_id, metric)) == [1, 2, 3, 4]
    (ranking,) = collect(store, "keras-backends").rankings  # of one model, whatever the backend
    assert sorted(cell.competitor for cell in ranking.cells) == sorted(BACKENDS)
    assert ranking.quality is not None
    assert ranking.quality.metric == "val_loss"
    capsys.readouterr()  # what making the environments printed
    main(["--uri", store, "--format", "json"])
    (told,) = json.loads(capsys.readouterr().out)["rankings"]
    assert (told["model"], told["conditions"]["data"]) == ("sine_regression", "sines")
    assert all(cell["final_val_loss"] > 0 for cell in told["cells"])


SCRIPT = """
import mlflow
import keras, numpy as np
from kerasbench import MlflowCallback

x, y = np.zeros((64, 3), "float32"), np.zeros((64, 1), "float32")

class Failing(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise {error}

def fit(*callbacks, **asked):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[keras.metrics.MeanAbsoluteError(name="mae@1")])
    model.fit(x, y, epochs=2, batch_size=16, verbose=0, callbacks=[*callbacks], **asked)
    return callbacks[0]

{body}
"""


def _script(folder: Path, body: str, error: str = "ValueError('a bad batch')") -> str:
    file = folder / "script.py"
    file.write_text(SCRIPT.format(body=body, error=error))
    return str(file)


def test_fits_of_one_process_have_runs_of_their_own_or_share_the_active_one(store: str, tmp_path: Path) -> None:
    body = """
first = fit(MlflowCallback(label="a"), validation_data=(x, y))
assert isinstance(first, keras.callbacks.Callback)
hooks = [name for name in vars(keras.callbacks.Callback) if "batch" in name]
assert hooks and all(getattr(type(first), name) is getattr(keras.callbacks.Callback, name) for name in hooks)
fit(first)  # the same callback again, without validation
assert mlflow.active_run() is None
mlflow.set_experiment("mine")
with mlflow.start_run() as active:
    for _ in range(2):
        assert fit(MlflowCallback()).run_id == active.info.run_id
try:
    fit(broken := MlflowCallback(), Failing())
except ValueError:
    fit(broken)
"""
    done = _run("jax", store, _script(tmp_path, body))
    assert done.returncode == 0, done.stderr
    runs = list(reversed(runs_in(store)))
    assert [run.info.status for run in runs] == ["FINISHED", "FINISHED", "FAILED", "FINISHED"]
    validated, alone, *_ = runs
    assert {"val_loss", "validation_seconds"} <= set(validated.data.metrics)
    assert {"mae_1", "val_mae_1"} <= set(validated.data.metrics)  # MLflow refuses @
    assert not {"val_loss", "validation_seconds", "fit"} & set(alone.data.metrics)
    assert validated.data.tags["competitor"] == "jax · label=a"
    (shared,) = runs_in(store, "mine")
    client = MlflowClient(store)
    assert shared.info.status == "FINISHED"  # by the user's own `with`
    steps = {
        name: [one.step for one in client.get_metric_history(shared.info.run_id, name)] for name in ("loss", "fit")
    }
    assert {name: sorted(found) for name, found in steps.items()} == {"loss": [1, 2, 3, 4], "fit": [1, 2, 3, 4]}
    assert {ranking.model for ranking in collect(store, "mine").rankings} == {"sequential"}


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("error", "status", "failure"),
    [("ValueError('a bad batch')", "FAILED", "ValueError: a bad batch"), ("KeyboardInterrupt", "KILLED", None)],
)
def test_an_error_that_ends_the_process_ends_the_run(
    store: str, tmp_path: Path, error: str, status: str, failure: str | None
) -> None:
    done = _run("jax", store, _script(tmp_path, "fit(MlflowCallback(), Failing())", error))
    assert done.returncode != 0
    (run,) = runs_in(store)
    assert (run.info.status, run.data.tags.get("failure")) == (status, failure)
    assert run.data.metrics["loss"] == 0  # of the epoch before the error
