"""The framework modules, without their frameworks."""

import pytest

from kerasbench.worker.frameworks import jax


def test_a_thread_that_ends_while_it_is_counted_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glob.glob", lambda pattern: ["/proc/self/comm", "/proc/self/task/ended/comm"])
    assert len(jax._names_of_threads()) == 1
