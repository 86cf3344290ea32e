"""Finds the Python interpreter of a backend: the driver's own, else one that uv finds."""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import uv
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from kerasbench.environments import pip_settings
from kerasbench.terminal.errors import UserError

_OLDEST_OF_UV = Version("3.8")  # the oldest version that `uv python install` can download


def find(specifier: str, explicit: str | None, backend: str) -> Path:
    """Return the path of a CPython whose version is in `specifier`; nothing is downloaded.

    The driver's own interpreter comes first, then those in pyenv, in conda's environments, on the PATH, and uv's own.

    Args:
        specifier: a version specifier, such as ">=3.6,<3.7".
        explicit: the only interpreter to consider, if given.
        backend: the name of the backend that needs it, for the message.

    Raises:
        UserError: there is none, or the explicit one does not run or has another version.
    """
    if explicit:
        version = _ask_uv("--show-version", explicit)
        if version is None or version not in SpecifierSet(specifier):
            found = f"Python {version}" if version else "not a Python interpreter that runs"
            raise UserError(f"backend.interpreter={explicit} is {found}, but {backend} needs Python {specifier}")
        explicit = _ask_uv("--resolve-links", explicit) or explicit
        return Path(explicit)
    if platform.python_version() in SpecifierSet(specifier):
        return Path(sys._base_executable)  # type: ignore[attr-defined]  # what .venv was made from
    path = _ask_uv("--resolve-links", f"cpython{specifier}")
    if path is None:
        raise UserError(
            f"{backend} needs Python {specifier}, which was not found on the PATH, in pyenv, conda or uv. "
            f"Install it with {_ways_to_install(specifier)}, or name one: backend.interpreter=/path/to/python"
        )
    return Path(path)


def _ways_to_install(specifier: str) -> str:
    minor = min(re.findall(r"\d+\.\d+", specifier), key=Version)
    by_uv = [f"`uv python install {minor}`"] if Version(minor) >= _OLDEST_OF_UV else []
    return " or ".join([f"`pyenv install {minor}`", *by_uv, f"`conda create -n python{minor} python={minor}`"])


def _ask_uv(option: str, request: str) -> str | None:
    """Return the output of `uv python find`, None if it finds nothing; the user's files do not affect it."""
    command = ["python", "find", "--no-config", "--no-project", "--no-python-downloads", option, request]
    searched = os.pathsep.join([*map(str, _folders()), os.environ.get("PATH", os.defpath)])
    answer = subprocess.run(
        [uv.find_uv_bin(), *command],
        env=os.environ | pip_settings.for_its_cache() | {"UV_PYTHON_SEARCH_PATH": searched},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return answer.stdout.strip() if answer.returncode == 0 else None


def _folders() -> list[Path]:
    """Return pyenv's and conda's folders of interpreters: pyenv's shims do not run, and conda activates at most one."""
    home = Path(os.path.expanduser("~"))
    pyenv = Path(os.environ.get("PYENV_ROOT", home / ".pyenv"))
    listed = home / ".conda" / "environments.txt"  # conda's list of all its environments
    try:
        conda = listed.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    except OSError:  # none, or a home folder that this user may not read
        conda = []
    return [*sorted(pyenv.glob("versions/*/bin"), reverse=True), *(Path(line) / "bin" for line in conda if line)]
