"""Going through the configurations of a large sweep."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from kerasbench.jobs import configurations
from kerasbench.terminal import progress


@pytest.fixture(autouse=True)
def _uncollected() -> Iterator[None]:
    """Collect no garbage by itself, as in a command that is about to import MLflow."""
    gc.disable()
    yield
    gc.enable()


class _Composed:
    """Refers to itself, as the nodes of a configuration refer to their parents."""

    def __init__(self) -> None:
        self.parent = self


def test_what_composing_leaves_behind_is_freed_while_it_goes_on() -> None:
    composed: list[weakref.ref[_Composed]] = []
    most = 0
    frozen = gc.get_freeze_count()
    for _ in configurations.one_by_one(range(100)):
        composed.append(weakref.ref(_Composed()))
        most = max(most, sum(one() is not None for one in composed))
    assert len(composed) == 100
    assert most <= 21
    assert not any(one() for one in composed)
    assert gc.get_freeze_count() <= frozen  # nothing is kept for good; what was frozen before may be freed


def test_the_number_of_checked_configurations_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(configurations, "_SILENT_SECONDS", -1)
    progress.begin(50, quiet=False)
    assert list(configurations.one_by_one("a" * 50)) == ["a"] * 50
    told = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[-1] for line in told] == [
        "20 of 50 configurations are checked", "40 of 50 configurations are checked",
    ]  # fmt: skip
