"""Which code a run comes from: the commit, and whether files differ from it."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kerasbench.machine import provenance
from kerasbench.vocabulary import Tag

Git = Callable[..., str]


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """Ask git in a folder that stands for the project's."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):  # a hook of git's may run the tests
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(provenance, "PROJECT", tmp_path)

    def ask(*arguments: str) -> str:
        own = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        return subprocess.run(own, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()

    return ask


def _told() -> dict[str, str]:
    provenance.tags.cache_clear()
    told = provenance.tags()
    provenance.tags.cache_clear()
    return told


def test_a_run_tells_its_commit_and_whether_files_differ_from_it(git: Git, tmp_path: Path) -> None:
    git("init", "-q")
    (tmp_path / "train.py").write_text("one")
    git("add", ".")
    git("commit", "-qm", "one")
    assert _told()[Tag.GIT_COMMIT] == git("rev-parse", "HEAD")
    assert _told()[Tag.GIT_DIRTY] == "false"
    (tmp_path / "train.py").write_text("two")
    assert _told()[Tag.GIT_DIRTY] == "true"


def test_outside_a_checkout_a_run_tells_its_command_alone(git: Git) -> None:
    assert set(_told()) == {Tag.COMMAND}
