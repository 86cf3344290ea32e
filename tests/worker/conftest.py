"""The worker's own modules, in this process, on the NumPy double of Keras."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kerasbench.worker import weights
from tests.stub.environments import DOUBLES

# What imports Keras, or stands in its place, and must not outlive the test.
_DOUBLED = ("keras", "mxnet", "tensorflow", "theano", "torch", "kerasbench.worker", "models", "tests.stub.model")

Use = Callable[[str], None]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Use]:
    """Return what makes `import keras` find the double, on the framework that is named; it is undone after the test."""
    before = set(sys.modules)
    monkeypatch.setattr(weights, "conversions", [])  # which a backend's fixes fill

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
                vars(sys.modules[parent]).pop(child, None)  # else `from parent import child` finds it still


@pytest.fixture(params=["mxnet", "theano", "torch"], ids=["Keras 2.2", "Keras 2.3", "Keras 3"])
def framework(request: pytest.FixtureRequest, use: Use) -> str:
    """The name of a framework that Keras' double is now imported on."""
    use(request.param)
    return str(request.param)


@pytest.fixture
def data(stub_data: Path) -> dict[str, object]:
    """What a request says of the stub's data set."""
    (path,) = stub_data.glob("*.npz")
    return {
        "path": str(path), "inputs": ["image"], "classes": 10, "train_samples": None, "test_samples": None,
        "channels_first": False,
    }  # fmt: skip
