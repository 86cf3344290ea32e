"""The process that a worker is, before it says anything."""

from pathlib import Path

import pytest

from kerasbench.process.worker_process import variables


def test_a_worker_takes_over_a_few_variables_and_no_credentials_and_no_thread_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in {"OMP_NUM_THREADS": "7", "AWS_SECRET_ACCESS_KEY": "s", "CUDA_VISIBLE_DEVICES": "1"}.items():
        monkeypatch.setenv(name, value)
    found = variables(Path("/env"), "jax", threads=2, own={"NPROC": "2"})
    assert found["OMP_NUM_THREADS"] == found["MKL_NUM_THREADS"] == found["OPENBLAS_NUM_THREADS"] == "2"
    assert (found["CUDA_VISIBLE_DEVICES"], found["CUDA_DEVICE_ORDER"]) == ("1", "PCI_BUS_ID")
    assert (found["KERAS_BACKEND"], found["NPROC"]) == ("jax", "2")
    assert "AWS_SECRET_ACCESS_KEY" not in found
