"""`mlflow run .`"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kerasbench.paths import PROJECT
from kerasbench.project import environment
from tests.conftest import runs_in, theano


def test_mlflows_own_run_is_not_taken_over() -> None:
    assert environment({"MLFLOW_RUN_ID": "1", "MLFLOW_EXPERIMENT_ID": "0", "HOME": "/home"}) == {"HOME": "/home"}


def test_a_store_that_the_user_names_is_kept_and_mlflows_default_is_not() -> None:
    named = {"MLFLOW_TRACKING_URI": "http://tracking.example"}
    assert environment(dict(named)) == named
    assert environment({"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}) == {}


@pytest.mark.slow
@theano
@pytest.mark.parametrize("manager", [["--env-manager", "local"], []], ids=["local", "default"])
def test_mlflow_run_trains_into_the_store_that_the_user_names(
    manager: list[str], new_store: str, tmp_path: Path
) -> None:
    binaries = Path(sys.executable).parent
    (tmp_path / "mlruns").mkdir()
    variables = os.environ | {
        "MLFLOW_TRACKING_URI": new_store,
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
    }
    overrides = f"trainer.epochs=1 data.train_samples=256 data.source=embedded data.cache={tmp_path} seed=3"
    done = subprocess.run(
        [binaries / "mlflow", "run", ".", *manager, "-P", "backend=theano", "-P", f"overrides={overrides}"],
        cwd=PROJECT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = runs_in(new_store)
    assert run.info.status == "FINISHED"
    assert (run.data.tags["backend"], run.data.params["seed"]) == ("theano", "3")
