"""The callback that measures and reports every epoch."""

import ast
import importlib
import io
import time
from typing import Any

import numpy as np
import pytest

from kerasbench.paths import PROJECT
from kerasbench.worker import protocol
from tests.worker.requests import SETTINGS, asked, events_in, trained


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
    assert [epoch["epoch"] for epoch in epochs] == [1, 2, 3]
    for epoch in epochs:
        assert epoch["ended_at"] - epoch["started_at"] == epoch["epoch_seconds"]
        assert epoch["validation_seconds"] == 7


def _reporter(stream: io.BytesIO, framework: str) -> Any:
    from kerasbench.worker.callbacks import EpochReporter
    from kerasbench.worker.framework import Framework

    return EpochReporter(protocol.Channel(stream), Framework(framework, SETTINGS | {"threads": 1}))


def test_every_log_is_reported_by_one_name_and_as_numbers(framework: str) -> None:
    logs = {"loss": np.float32(0.5), "out_acc": 1, "val_acc": np.array([0.25]), "f1": [0.5, 1.0], "note": "text"}
    stream = io.BytesIO()
    reporter = _reporter(stream, framework)
    reporter.on_epoch_begin(0)
    reporter.on_epoch_end(0, logs)
    (event,) = events_in(stream)
    assert event["logs"] == {"loss": 0.5, "out_accuracy": 1.0, "val_accuracy": 0.25, "f1_0": 0.5, "f1_1": 1.0}
    assert event["includes_validation"] == (framework == "mxnet")
    assert "validation_seconds" not in event


def test_the_work_of_other_callbacks_after_an_epoch_is_no_training_and_what_they_log_is_kept(
    framework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keras.callbacks import Callback

    clock = _Clock(monkeypatch)

    class Saving(Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            assert logs is not None
            clock.now += 30.0
            logs["learning_rate"] = 0.125

    stream = io.BytesIO()
    reporter = _reporter(stream, framework)
    callbacks = reporter.around([Saving()])
    for epoch in (0, 1, 0):  # a second call of `fit` counts on
        logs = {"loss": 1.0}
        for callback in callbacks:
            callback.on_epoch_begin(epoch)
        clock.now += 2.0
        for callback in callbacks:
            callback.on_epoch_end(epoch, logs)
    events = events_in(stream)
    assert [event["epoch_seconds"] for event in events] == [2.0] * 3
    assert [event["epoch"] for event in events] == [1, 2, 3]
    assert all(event["logs"] == {"loss": 1.0, "learning_rate": 0.125} for event in events)


def test_an_epoch_carries_the_memory_at_its_end_and_its_own_peak_on_the_device(
    framework: str, data: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module(f"kerasbench.worker.frameworks.{framework}")
    mib = 1 << 20
    peaks = iter(range(100, 200))  # each reading is a new peak: those that begin epochs, and those that end them
    monkeypatch.setattr(module, "memory", lambda: (7 * mib, next(peaks) * mib), raising=False)
    events = trained(asked(framework, data, epochs=3))
    told = [event["memory"] for event in events if event["kind"] == protocol.EPOCH]
    assert [one["epoch_end_device_mib"] for one in told] == [7, 7, 7]
    assert [one["epoch_peak_device_mib"] for one in told] == [101, 103, 105]
    assert all(10 < one["epoch_end_rss_mib"] < 10_000 for one in told)


def test_without_a_gpu_there_are_no_figures_of_one(framework: str, data: dict[str, Any]) -> None:
    events = trained(asked(framework, data, epochs=1))
    (told,) = [event["memory"] for event in events if event["kind"] == protocol.EPOCH]
    assert set(told) == {"epoch_end_rss_mib"}
