"""On which LSTM Keras computes with JAX, where it takes the CPU for a GPU."""

import json
import os
import subprocess
from typing import Any

import numpy as np
import pytest

from kerasbench import environments
from kerasbench.config.composition import compose
from kerasbench.paths import PROJECT

pytestmark = pytest.mark.slow


def _found(*arguments: str) -> dict[str, Any]:
    environment = environments.provision(environments.Specification.of(compose(["backend=jax"])), print)
    done = subprocess.run(
        [environment.python, PROJECT / "tests" / "integration" / "counted_lstms.py", *arguments],
        env=os.environ | {"PYTHONPATH": str(PROJECT), "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_highest_precision_is_computed_without_cudnn_and_others_with_it() -> None:
    stock, fixed = _found("default", "jax_cudnn_lstm"), _found("highest", "jax_cudnn_lstm")
    unfixed = _found("highest")
    assert (stock["calls"] > 0, fixed["calls"] > 0, unfixed["calls"] > 0) == (True, False, True)
    # Keras names no precision; JAX takes the default, so that is not why cuDNN deviates.
    assert (set(stock["allow_tf32"]), set(unfixed["allow_tf32"])) == ({True}, {False})
    assert np.allclose(fixed["output"], unfixed["output"], atol=1e-6)
