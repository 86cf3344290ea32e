"""The code that a run comes from: the commit, and whether files differ from it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kerasbench.machine import provenance
from kerasbench.vocabulary import Tag

Git = Callable[..., str]


@pytest.fixture(autouse=True)
def _checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:  # a hook of git's may run the tests
        monkeypatch.delenv(name)
    monkeypatch.setattr(provenance, "CHECKOUT", tmp_path)


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """Run git in a folder that stands for the project's folder."""

    def ask(*arguments: str, folder: Path = tmp_path) -> str:
        own = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        return subprocess.run(own, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()

    return ask


@pytest.fixture
def commit(git: Git, tmp_path: Path) -> str:
    """The id of the only commit in the project's folder."""
    git("init", "-q")
    (tmp_path / "train.py").write_text("one", encoding="utf-8")
    git("add", ".")
    git("commit", "-qm", "one")
    return git("rev-parse", "HEAD")


def _told() -> dict[str, str]:
    provenance._own.cache_clear()
    told = provenance.tags()
    provenance._own.cache_clear()
    return told


def _told_of_git() -> tuple[str | None, str | None]:
    told = _told()
    return told.get(Tag.GIT_COMMIT), told.get(Tag.GIT_DIRTY)


def test_a_run_tells_its_commit_and_whether_files_differ_from_it(commit: str, tmp_path: Path) -> None:
    assert _told_of_git() == (commit, "false")
    (tmp_path / "train.py").write_text("two", encoding="utf-8")
    assert _told_of_git() == (commit, "true")


def test_a_new_file_differs_from_the_commit(commit: str, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("new", encoding="utf-8")
    assert _told_of_git() == (commit, "true")


def test_a_linked_worktree_is_a_checkout(
    commit: str, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked = tmp_path / "linked"
    git("worktree", "add", "-q", str(linked))
    monkeypatch.setattr(provenance, "CHECKOUT", linked)
    assert _told_of_git() == (commit, "false")


def test_outside_a_checkout_a_run_tells_its_command_alone() -> None:
    assert set(_told()) == {Tag.COMMAND}


def test_the_repository_around_an_unpacked_archive_is_not_ours(
    commit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacked = tmp_path / "kerasbench"
    unpacked.mkdir()
    monkeypatch.setattr(provenance, "CHECKOUT", unpacked)
    assert set(_told()) == {Tag.COMMAND}


def test_an_installed_package_has_no_commit(commit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "CHECKOUT", None)
    monkeypatch.chdir(tmp_path)
    assert set(_told()) == {Tag.COMMAND}


@pytest.mark.parametrize(
    "variables",
    [
        {"GIT_DIR": "{other}/.git"},
        {"GIT_WORK_TREE": "{other}"},
        {"GIT_INDEX_FILE": "{other}/index"},
        {"GIT_OBJECT_DIRECTORY": "{other}"},
        {"GIT_NAMESPACE": "other"},
        {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.worktree", "GIT_CONFIG_VALUE_0": "{other}"},
        {"GIT_CONFIG_PARAMETERS": "'core.bare'='true'"},
        {"GIT_CEILING_DIRECTORIES": "/"},
        {"LC_ALL": "C", "LANG": "C"},
    ],
    ids=lambda variables: next(iter(variables)),
)
def test_gits_variables_change_nothing(
    commit: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    other = tmp_path_factory.mktemp("other")
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(other=other))
    assert _told_of_git() == (commit, "false")


@pytest.mark.parametrize(
    "setting", ["status.showUntrackedFiles=no", "core.excludesFile={home}/ignored", "core.bare=true"]
)
@pytest.mark.parametrize("place", [".gitconfig", ".config/git/config"])
def test_the_users_configuration_of_git_changes_nothing(
    commit: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch,
    setting: str, place: str,
) -> None:  # fmt: skip
    home = tmp_path_factory.mktemp("home")
    (home / ".config" / "git").mkdir(parents=True)
    (home / "ignored").write_text("*", encoding="utf-8")
    name, value = setting.format(home=home).split("=")
    subprocess.run(["git", "config", "--file", home / place, name, value], check=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    (tmp_path / "model.py").write_text("new", encoding="utf-8")
    assert _told_of_git() == (commit, "true")


def test_the_users_list_of_ignored_files_hides_none(
    commit: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path_factory.mktemp("home")
    (home / "git").mkdir()
    (home / "git" / "ignore").write_text("*", encoding="utf-8")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    (tmp_path / "model.py").write_text("new", encoding="utf-8")
    assert _told_of_git() == (commit, "true")


def test_no_program_of_the_repositorys_is_started_and_nothing_is_written(commit: str, git: Git, tmp_path: Path) -> None:
    hooks = tmp_path / ".git" / "own-hooks"
    hooks.mkdir()
    for name in ("fsmonitor", "post-index-change"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch '{hooks}/started'\n", encoding="utf-8")
        (hooks / name).chmod(0o755)
    git("config", "core.fsmonitor", str(hooks / "fsmonitor"))
    git("config", "core.hooksPath", str(hooks))
    os.utime(tmp_path / "train.py", (1, 1))  # the index is out of date: `git status` would write it anew
    before = (tmp_path / ".git" / "index").stat().st_mtime_ns
    assert _told_of_git() == (commit, "false")
    assert not (hooks / "started").exists()
    assert (tmp_path / ".git" / "index").stat().st_mtime_ns == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_checkout_of_another_user_tells_its_commit(commit: str, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / ".git"):
        os.chown(path, 12345, 12345)
    assert _told_of_git() == (commit, "false")


def test_an_argument_that_the_locale_could_not_decode_is_kept_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    undecoded = "label=Küche".encode().decode("ascii", "surrogateescape")
    monkeypatch.setattr(sys, "argv", ["train.py", undecoded, "label=\udcff"])
    command = _told()[Tag.COMMAND]
    assert "label=Küche" in command
    command.encode("utf-8")
