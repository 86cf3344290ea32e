"""The callback that measures and reports every epoch."""

import ast
import importlib
import time
from typing import Any

import pytest

from kerasbench.paths import PROJECT
from kerasbench.worker import protocol
from tests.worker.requests import asked, trained


def test_it_has_no_batch_hooks_for_they_would_make_keras_3_wait_after_every_batch() -> None:
    source = (PROJECT / "kerasbench" / "worker" / "callbacks.py").read_text()
    names = {node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)}
    assert {"on_epoch_begin", "on_epoch_end"} <= names
    assert not {name for name in names if name.startswith("on_") and "batch" in name}


class _Clock:
    """Replaces all of Python's clocks; time passes only where a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self._patch = monkeypatch
        for name in ("time", "perf_counter", "monotonic"):
            monkeypatch.setattr(time, name, lambda: self.now)

    def passes_in(self, place: Any, name: str, seconds: float) -> None:
        """Make a function take so long before it does its work."""
        function = getattr(place, name)

        def slow(*arguments: Any, **more: Any) -> Any:
            self.now += seconds
            return function(*arguments, **more)

        self._patch.setattr(place, name, slow)


def test_an_epoch_ends_when_the_device_is_done_and_before_its_validation(
    framework: str, data: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from keras.models import Model

    clock = _Clock(monkeypatch)
    clock.passes_in(Model, "fit", 0.5)  # Theano and CNTK compile here, before any hook
    clock.passes_in(Model, "_train", 1.0)
    clock.passes_in(importlib.import_module(f"kerasbench.worker.frameworks.{framework}"), "wait", 5.0)
    clock.passes_in(Model, "evaluate", 7.0)
    events = trained(asked(framework, data, epochs=3, batch_size=50))
    epochs = [event for event in events if event["kind"] == protocol.EPOCH]
    assert [epoch["epoch_seconds"] for epoch in epochs] == [0.5 + 3 + 5, 3 + 5, 3 + 5]  # 128 examples are three batches
    for epoch in epochs:
        assert epoch["ended_at"] - epoch["started_at"] == epoch["epoch_seconds"]
        assert epoch["validation_seconds"] == 7
