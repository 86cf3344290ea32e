"""Runs the worker's modules in this process, on the NumPy double of Keras."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kerasbench.worker import weights
from tests.stub.environments import DOUBLES

# Modules that import Keras or replace it, and must not outlive the test.
_DOUBLED = ("keras", "mxnet", "tensorflow", "theano", "torch", "kerasbench.worker", "models", "tests.stub.model")

Use = Callable[[str], None]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Use]:
    """Return a function that makes `import keras` find the double on a framework; it is undone after the test."""
    before = set(sys.modules)
    monkeypatch.setattr(weights, "conversions", [])  # a backend's fixes add to it

    def on(framework: str) -> None:
        monkeypatch.setenv("KERAS_BACKEND", framework)
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        monkeypatch.syspath_prepend(DOUBLES)

    yield on
    for name in set(sys.modules) - before:
        if name in _DOUBLED or name.startswith(tuple(f"{package}." for package in _DOUBLED)):
            del sys.modules[name]
            parent, _, child = name.rpartition(".")
            if parent in sys.modules:
                vars(sys.modules[parent]).pop(child, None)  # else `from parent import child` still finds it


@pytest.fixture(params=["mxnet", "theano", "torch"], ids=["Keras 2.2", "Keras 2.3", "Keras 3"])
def framework(request: pytest.FixtureRequest, use: Use) -> str:
    """The name of the framework on which Keras' double is imported."""
    use(request.param)
    return str(request.param)


@pytest.fixture
def data(stub_data: Path) -> dict[str, object]:
    """The stub's data set, as a request describes it."""
    (path,) = stub_data.glob("*.npz")
    return {
        "path": str(path), "inputs": ["image"], "weights": False, "train_samples": None, "test_samples": None,
        "targets": [{"name": "labels", "task": "classification", "classes": 10}], "channels_first": False,
    }  # fmt: skip
