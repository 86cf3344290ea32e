"""Which code and which command a run comes from."""

import functools
import shlex
import subprocess
import sys
from pathlib import Path

from kerasbench.credentials import without_credentials
from kerasbench.paths import PROJECT
from kerasbench.vocabulary import Tag


@functools.cache
def tags() -> dict[str, str]:
    """Return the command line and, in a git checkout, the commit and whether files differ from it."""
    name = Path(sys.argv[0]).name
    program = ["python", name] if name.endswith(".py") else name.split()  # `kerasbench train`
    command = shlex.join([*program, *sys.argv[1:]])
    return {Tag.COMMAND: without_credentials(command)} | _git()


def _git() -> dict[str, str]:
    try:
        commit = _ask_git("rev-parse", "HEAD")
        return {Tag.GIT_COMMIT: commit, Tag.GIT_DIRTY: str(bool(_ask_git("status", "--porcelain"))).lower()}
    except (OSError, subprocess.SubprocessError):
        return {}  # no git, no checkout, or one that is slow to answer


def _ask_git(*arguments: str) -> str:
    answer = subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=True, timeout=30)
    return answer.stdout.strip()
