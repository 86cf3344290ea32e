"""The framework modules, without their frameworks."""

import importlib
import pkgutil
from typing import Any

import pytest

from kerasbench.worker import frameworks
from kerasbench.worker.frameworks import jax

_MODULES = [
    importlib.import_module(f"{frameworks.__name__}.{one.name}") for one in pkgutil.iter_modules(frameworks.__path__)
]


def test_a_thread_that_ends_while_it_is_counted_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glob.glob", lambda pattern: ["/proc/self/comm", "/proc/self/task/ended/comm"])
    assert len(jax._names_of_threads()) == 1


@pytest.mark.parametrize("module", _MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_each_framework_names_its_compilation_with_and_without_what_it_can_be_asked(module: Any) -> None:
    assert set(module.COMPILATION) == ({False, True} if "jit_compile" in module.SETTINGS else {False})
