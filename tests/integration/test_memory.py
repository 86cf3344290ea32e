"""Memory on the real backends: growth from epoch to epoch is seen, and PyTorch's tensors go with their batch."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from kerasbench import environments
from kerasbench.config.composition import compose
from kerasbench.paths import PROJECT
from tests.conftest import runs_in

pytestmark = pytest.mark.slow

_LEAKING = PROJECT / "tests" / "integration" / "leaking.py"


def _trained(tmp_path: Path, store: str, backends: str, args: str) -> Iterator[tuple[Run, list[float]]]:
    """Train the script; yield each run with its memory at the end of each epoch, in MiB."""
    command = [
        sys.executable, str(PROJECT / "train.py"), "-m", f"backend={backends}", f"script={_LEAKING}", f"args='{args}'",
        f"tracking.uri={store}", f"tracking.artifacts={tmp_path}/artifacts", f"hydra.sweep.dir={tmp_path}/outputs",
        "noise=keep", "report=false",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    for run in runs_in(store):
        history = MlflowClient(store).get_metric_history(run.info.run_id, "epoch_end_rss_mib")
        resident = [point.value for point in history]
        print(run.data.tags["backend"], [round(value, 1) for value in resident])
        yield run, resident


def test_a_callback_that_keeps_eight_mib_of_each_epoch_is_seen_on_keras_2_and_3(tmp_path: Path, store: str) -> None:
    for run, history in _trained(tmp_path, store, "torch,cntk", "leak"):
        assert len(history) == 10
        assert run.data.metrics["rss_growth_mib"] == pytest.approx(8, abs=1.5)


def test_the_same_script_without_the_leak_does_not_grow(tmp_path: Path, store: str) -> None:
    for run, _ in _trained(tmp_path, store, "tensorflow,torch", ""):
        assert "rss_growth_mib" not in run.data.metrics


@pytest.mark.parametrize(("fixes", "kept"), [((), True), (("torch_tree_cycles",), False)])
def test_a_batchs_tensors_go_with_it_thanks_to_the_fix(fixes: tuple[str, ...], kept: bool) -> None:
    environment = environments.provision(environments.Specification.of(compose(["backend=torch"])), print)
    done = subprocess.run(
        [environment.python, PROJECT / "tests" / "integration" / "kept_tensors.py", *fixes],
        env=os.environ | {"PYTHONPATH": str(PROJECT), "KERAS_BACKEND": "torch", "OMP_NUM_THREADS": "1"},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found = json.loads(done.stdout.splitlines()[-1])
    print(fixes, found)
    assert found.pop("batches") == 10
    assert any(found.values()) == kept
