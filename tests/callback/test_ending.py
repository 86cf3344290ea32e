"""How a `fit` that raised is noticed, in a script and in a notebook."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from kerasbench.callback.ending import Watch
from kerasbench.paths import PROJECT


@pytest.mark.parametrize(("line", "told"), [("raise ValueError('x')", "ValueError('x')"), ("pass", "None")])
def test_the_end_of_the_process_is_noticed_with_the_error_that_ended_it(line: str, told: str) -> None:
    script = f"from kerasbench.callback.ending import Watch\nwatch = Watch(lambda error: print(repr(error)))\n{line}"
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True)
    assert done.stdout.strip() == told


def test_a_failed_cell_of_a_notebook_is_noticed_and_another_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers: list[Any] = []
    events = SimpleNamespace(
        register=lambda event, handler: handlers.append(handler),
        unregister=lambda event, handler: handlers.remove(handler),
    )
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(events=events))
    monkeypatch.setitem(sys.modules, "IPython", shell)
    told: list[BaseException | None] = []
    watch = Watch(told.append)
    (after_cell,) = handlers
    after_cell(SimpleNamespace(error_in_exec=None))
    assert told == []
    interrupted = KeyboardInterrupt()
    after_cell(SimpleNamespace(error_in_exec=interrupted))
    assert told == [interrupted]
    watch.stop()
    assert handlers == []
