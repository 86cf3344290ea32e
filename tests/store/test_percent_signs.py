"""MLflow works where its package lies in a folder with `%` in its name."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

_OPEN = """
import mlflow
assert "50%2F" in mlflow.__file__
from kerasbench.config.schema import TrackingConfig
from kerasbench.store.tracking import open_store
open_store(TrackingConfig("sqlite:///store.db", "artifacts", "mine"))
"""


@pytest.mark.slow
def test_a_store_is_made_and_opened_again(tmp_path: Path) -> None:
    packages = tmp_path / "50%2F (done)"
    packages.symlink_to(sysconfig.get_paths()["purelib"])
    variables = os.environ | {"PYTHONPATH": f"{packages}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", _OPEN], cwd=tmp_path, env=variables, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
