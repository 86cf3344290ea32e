"""Which code and which command a run comes from."""

import functools
import os
import shlex
import subprocess
import sys
from pathlib import Path

from kerasbench.credentials import without_credentials
from kerasbench.paths import CHECKOUT
from kerasbench.vocabulary import Tag

# Git with the repository's settings alone. HOME and XDG_CONFIG_HOME lead nowhere, so that neither the user's
# configuration nor the user's list of ignored files has a say; GIT_DIR and the like are not inherited.
_GIT_VARIABLES = {
    "HOME": os.devnull,
    "XDG_CONFIG_HOME": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_OPTIONAL_LOCKS": "0",  # `git status` then writes no index, which another git may be about to write
    "LC_ALL": "C",
}
# The repository is named and not looked for: a folder around the checkout may be a repository, too. Git also asks for
# the folder's owner (safe.directory) only where it looks for it. The others would start programs.
_GIT = ("git", "--git-dir=.git", "--work-tree=.", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")


@functools.cache
def tags() -> dict[str, str]:
    """Return the command line and, in a git checkout, the commit and whether files differ from it."""
    name = Path(sys.argv[0]).name
    program = ["python", name] if name.endswith(".py") else name.split()  # `kerasbench train`
    command = shlex.join([*program, *sys.argv[1:]])
    # Under a locale that is not UTF-8, what it cannot decode of an argument are surrogates, which no store takes.
    command = command.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return {Tag.COMMAND: without_credentials(command)} | _git()


def _git() -> dict[str, str]:
    if CHECKOUT is None:
        return {}  # installed
    try:
        commit = _ask_git(CHECKOUT, "rev-parse", "--verify", "HEAD")
        changes = _ask_git(CHECKOUT, "status", "--porcelain", "--untracked-files=normal")
    except (OSError, subprocess.SubprocessError):
        return {}  # no git, no repository, or one that is slow to answer
    return {Tag.GIT_COMMIT: commit, Tag.GIT_DIRTY: str(bool(changes)).lower()}


def _ask_git(checkout: Path, *arguments: str) -> str:
    variables = _GIT_VARIABLES | {"PATH": os.environ.get("PATH", os.defpath)}
    answer = subprocess.run(
        [*_GIT, *arguments], cwd=checkout, env=variables, capture_output=True, check=True, timeout=30, encoding="utf-8",
        errors="replace",
    )  # fmt: skip
    return answer.stdout.strip()
