"""Finds the Python interpreter that a backend needs: on the PATH, from pyenv, uv or conda."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uv
from packaging.specifiers import SpecifierSet

from kerasbench.terminal.errors import UserError

_MINORS = range(6, 30)  # of Python 3; the oldest backends want 3.6


@dataclass(frozen=True)
class Interpreter:
    """A Python interpreter that runs, and its version."""

    path: Path
    version: str


def find(specifier: str, explicit: str | None, wanted_by: str) -> Interpreter:
    """Return the first interpreter whose version is in `specifier`.

    Args:
        specifier: a version specifier of whole minor versions, such as ">=3.6,<3.7".
        explicit: the interpreter to take, whatever else there is.
        wanted_by: the backend's name, for the message.

    Raises:
        UserError: there is none, or the explicit one does not run or has another version.
    """
    wanted = SpecifierSet(specifier)
    if explicit:
        version = _version(Path(explicit))
        if version is None or version not in wanted:
            raise UserError(
                f"backend.interpreter={explicit} is {f'Python {version}' if version else 'no Python that runs'}, "
                f"and {wanted_by} needs {specifier}"
            )
        return Interpreter(Path(explicit), version)
    minors = [f"3.{minor}" for minor in _MINORS if f"3.{minor}.99" in wanted]
    own = f"3.{sys.version_info.minor}"
    for minor in sorted(minors, key=lambda minor: minor != own):  # the driver's own version first
        for candidate in _candidates(f"python{minor}"):
            version = _version(candidate)
            if version is not None and version in wanted:
                return Interpreter(candidate.resolve(), version)
    raise UserError(
        f"{wanted_by} needs CPython {specifier}, and none was found (looked on the PATH, in {_pyenv_root()}/versions, "
        f"in uv's and in conda's folders). Supply one: `{_supply(minors[0])}`; "
        "or name one: backend.interpreter=/path/to/python"
    )


def _supply(minor: str) -> str:
    by_uv = "" if minor in ("3.6", "3.7") else f"` or `uv python install {minor}"  # uv has no builds that old
    return f"pyenv install {minor}{by_uv}` or `conda create -y -n python{minor} python={minor}"


def _candidates(name: str) -> Iterator[Path]:
    """Yield paths that may be the interpreter `name`, this process's own first."""
    own = Path(sys._base_executable)  # type: ignore[attr-defined]  # what .venv was made from
    if name == f"python{sys.version_info.major}.{sys.version_info.minor}":
        yield own
    on_path = shutil.which(name)
    if on_path:
        yield Path(on_path)
    roots = [*sorted((_pyenv_root() / "versions").glob("*"), reverse=True), *_uv_roots(), *_conda_roots()]
    for root in roots:
        candidate = root / "bin" / name
        if candidate.exists():
            yield candidate


def _pyenv_root() -> Path:
    return Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))


def _uv_roots() -> list[Path]:
    answer = subprocess.run(
        [uv.find_uv_bin(), "python", "dir", "--no-config"], capture_output=True, text=True, check=False
    )
    return sorted(Path(answer.stdout.strip()).glob("*")) if answer.returncode == 0 else []


def _conda_roots() -> list[Path]:
    """Return conda's environments: it lists all that it makes in one file."""
    listed = Path.home() / ".conda" / "environments.txt"
    roots = [Path(line) for line in listed.read_text().splitlines() if line] if listed.exists() else []
    if "CONDA_PREFIX" in os.environ:
        roots.append(Path(os.environ["CONDA_PREFIX"]))
    if "CONDA_EXE" in os.environ:
        base = Path(os.environ["CONDA_EXE"]).parent.parent
        roots += [base, *sorted((base / "envs").glob("*"))]
    return roots


def _version(executable: Path) -> str | None:
    """Return the version that an interpreter gives, None if it does not run (a pyenv shim of another version, say)."""
    code = "import sys; print(sys.implementation.name, '.'.join(map(str, sys.version_info[:3])))"
    try:
        answer = subprocess.run([executable, "-I", "-c", code], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    name, _, version = answer.stdout.strip().partition(" ")
    return version if answer.returncode == 0 and name == "cpython" else None
