"""The callback that measures and reports every epoch."""

import ast
import io
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from kerasbench.paths import PROJECT
from kerasbench.worker import protocol


def test_it_has_no_batch_hooks_for_they_would_make_keras_3_wait_after_every_batch() -> None:
    source = (PROJECT / "kerasbench" / "worker" / "callbacks.py").read_text()
    names = {node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)}
    assert {"on_epoch_begin", "on_epoch_end"} <= names
    assert not {name for name in names if name.startswith("on_") and "batch" in name}


class _Clock:
    """Shows the time that a test gives it."""

    def __init__(self) -> None:
        self.now = 100.0

    def time(self) -> float:
        return 1_000_000 + self.now

    def perf_counter(self) -> float:
        return self.now

    def passes(self, seconds: float, result: Any = None) -> Callable[..., Any]:
        """Return a function that takes so long."""

        def take(*arguments: Any, **more: Any) -> Any:
            self.now += seconds
            return result

        return take


@pytest.fixture
def clock(framework: str, monkeypatch: pytest.MonkeyPatch) -> _Clock:
    from kerasbench.worker import callbacks

    clock = _Clock()
    monkeypatch.setattr(callbacks, "time", clock)
    return clock


def _reported(clock: _Clock, accuracy: str = "accuracy") -> list[dict[str, Any]]:
    """Report two epochs of 3 s, 0.5 s of which pass between fit and its first hook, and return their events."""
    from kerasbench.worker.callbacks import EpochReporter

    stream = io.BytesIO()
    framework: Any = SimpleNamespace(wait=clock.passes(5.0))
    reporter = EpochReporter(protocol.Channel(stream), framework, None, None, 10)
    reporter.set_model(SimpleNamespace(evaluate=clock.passes(7.0, (0.25, 0.75))))
    for epoch in range(2):
        reporter.before_fit(epoch)
        clock.now += 0.5
        reporter.on_epoch_begin(epoch)
        clock.now += 2.5
        reporter.on_epoch_end(epoch, {"loss": 0.5, accuracy: 0.875})
        reporter.between_epochs["shuffle_seconds"] = 0.125
    return [protocol.decode(line) for line in stream.getvalue().splitlines()]


def test_an_epoch_ends_when_the_device_is_done_and_before_its_validation(clock: _Clock) -> None:
    first, second = _reported(clock)
    assert first["epoch_seconds"] == 0.5 + 2.5 + 5  # what is compiled before the first hook counts
    assert second["epoch_seconds"] == 2.5 + 5
    for event in (first, second):
        assert event["validation_seconds"] == 7
    assert first["ended_at"] - first["started_at"] == first["epoch_seconds"]
    assert second["ended_at"] - second["started_at"] == second["epoch_seconds"]


def test_an_epoch_carries_its_results_and_what_came_before_it(clock: _Clock) -> None:
    first, second = _reported(clock)
    results = {"loss": 0.5, "accuracy": 0.875, "val_loss": 0.25, "val_accuracy": 0.75}
    assert results.items() <= first.items()
    assert (first["epoch"], second["epoch"]) == (1, 2)
    assert "shuffle_seconds" not in first
    assert second["shuffle_seconds"] == 0.125


def test_keras_22_calls_accuracy_otherwise(clock: _Clock) -> None:
    assert [event["accuracy"] for event in _reported(clock, accuracy="acc")] == [0.875, 0.875]
