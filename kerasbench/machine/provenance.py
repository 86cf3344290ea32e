"""The command and the git commit of a run, as tags."""

import functools
import os
import shlex
import subprocess
import sys
from pathlib import Path

from kerasbench.credentials import without_credentials
from kerasbench.paths import CHECKOUT
from kerasbench.vocabulary import Tag

# Run git with the repository's settings only: without the user's configuration and list of ignored files, and without
# inherited variables such as GIT_DIR.
_GIT_VARIABLES = {
    "HOME": os.devnull,
    "XDG_CONFIG_HOME": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_OPTIONAL_LOCKS": "0",  # `git status` then does not write the index, which another git may be writing
    "LC_ALL": "C",
}
# Name the repository, because git's search may find one around the checkout, and checks the folder's owner
# (safe.directory). The other options keep git from starting programs.
_GIT = ("git", "--git-dir=.git", "--work-tree=.", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")


def tags(command: str | None = None) -> dict[str, str]:
    """Return the command line and, in a git checkout, the commit and whether files differ from it.

    Args:
        command: of the sweep, if this process is only one of its jobs; None: this process's own.
    """
    return _own() | ({Tag.COMMAND: command} if command else {})


@functools.cache
def _own() -> dict[str, str]:
    name = Path(sys.argv[0]).name
    program = ["python", name] if name.endswith(".py") else name.split()  # `kerasbench train`
    # Who repeats the command begins another sweep.
    command = shlex.join([*program, *(one for one in sys.argv[1:] if not one.startswith("sweep."))])
    # Bytes of an argument that the locale cannot decode are surrogates, which no store accepts.
    command = command.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return {Tag.COMMAND: without_credentials(command)} | _git()


def _git() -> dict[str, str]:
    if CHECKOUT is None:
        return {}  # installed
    try:
        commit = _ask_git(CHECKOUT, "rev-parse", "--verify", "HEAD")
        changes = _ask_git(CHECKOUT, "status", "--porcelain", "--untracked-files=normal")
    except (OSError, subprocess.SubprocessError):
        return {}  # no git, no repository, or a timeout
    return {Tag.GIT_COMMIT: commit, Tag.GIT_DIRTY: str(bool(changes)).lower()}


def _ask_git(checkout: Path, *arguments: str) -> str:
    variables = _GIT_VARIABLES | {"PATH": os.environ.get("PATH", os.defpath)}
    answer = subprocess.run(
        [*_GIT, *arguments], cwd=checkout, env=variables, capture_output=True, check=True, timeout=30, encoding="utf-8",
        errors="replace",
    )  # fmt: skip
    return answer.stdout.strip()
