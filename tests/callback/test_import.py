"""What `from kerasbench import MlflowCallback` does to the user's process: nothing."""

import subprocess
import sys

import pytest

import kerasbench
from kerasbench.paths import PROJECT

_FOREIGN = ("keras", "tensorflow", "jax", "torch", "hydra", "omegaconf", "mlflow", "numpy", "matplotlib", "psutil")


def test_the_callback_is_imported_without_keras_a_backend_mlflow_or_hydra() -> None:
    script = f"""
import os, sys
before = dict(os.environ)
from kerasbench import MlflowCallback
assert callable(MlflowCallback)
assert dict(os.environ) == before
print([name for name in {_FOREIGN} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.slow
def test_what_the_callback_needs_of_the_store_leaves_hydra_and_mlflows_settings_alone() -> None:
    script = """
import logging, os, sys
import mlflow  # as the user imports it, with whatever that sets
import kerasbench.store
kerasbench.store.in_users_process = True
def state():
    logs = {name: logging.getLogger(name).level for name in ("mlflow", "alembic", "urllib3")}
    return dict(os.environ), logs, logging.getLogRecordFactory(), mlflow.get_tracking_uri()
before = state()
import kerasbench.store.callback_run
assert state() == before
assert "hydra" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="Callback"):
        kerasbench.Callback  # noqa: B018
