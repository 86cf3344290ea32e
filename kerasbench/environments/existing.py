"""A user's own environment: its packages are read and its interpreter is started, and nothing is written into it."""

import json
import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import uv

from kerasbench.config.schema import BackendConfig
from kerasbench.environments import pip_settings
from kerasbench.terminal.errors import UserError

_OLDEST = (3, 6)  # of the worker
_SECONDS = 60  # a network's file system may be slow
_QUESTION = "import json, sys; print(json.dumps([sys.version_info[:3], [one for one in sys.path if one]]))"
_FOREIGN = ("PYTHONPATH", "PYTHONHOME")  # of the driver's process: no worker inherits them
# Starts the user's interpreter, which finds its environment by its own path, not by a link. It writes no byte code.
_LAUNCHER = '#!/bin/sh\nPYTHONDONTWRITEBYTECODE=1 exec {} "$@"\n'


@dataclass(frozen=True)
class Existing:
    """A user's environment, as it is now.

    Attributes:
        python: its interpreter.
        version: the interpreter's version.
        packages: every package that it can import, one per line, as `pip freeze` lists them.
    """

    python: Path
    version: str
    packages: str


def read(backend: BackendConfig) -> Existing:
    """Return the environment of `backend.interpreter`.

    Packages are looked for wherever the interpreter imports from: also in an environment below it
    (`--system-site-packages`), and in the PYTHONPATH of `backend.variables`.

    Raises:
        UserError: it does not run, or is older than the worker supports.
    """
    assert backend.interpreter is not None
    python, named = Path(backend.interpreter), f"backend.interpreter={backend.interpreter}"
    variables = {name: value for name, value in os.environ.items() if name not in _FOREIGN} | backend.variables
    answer = _output([python, "-B", "-s", "-c", _QUESTION], variables)
    try:
        version, folders = json.loads((answer or "").strip().rpartition("\n")[2])  # sitecustomize may print, too
    except ValueError as error:
        raise UserError(f"{named} is not a Python interpreter that runs") from error
    written = ".".join(map(str, version))
    if tuple(version) < _OLDEST:
        raise UserError(f"{named} is Python {written}, and kerasbench needs {'.'.join(map(str, _OLDEST))} or newer")
    paths = [part for folder in folders for part in ("--path", folder)]
    packages = _output(
        [uv.find_uv_bin(), "--no-config", "pip", "freeze", "--python", python, *paths],
        variables | pip_settings.for_its_cache(),
    )
    if packages is None:
        raise UserError(f"{named}: its packages cannot be listed (`uv pip freeze --python {python}`)")
    return Existing(python, written, packages)


def write_launcher(used: Existing, folder: Path) -> None:
    """Write a `bin/python` that starts the user's interpreter, so that every environment is started alike."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(_LAUNCHER.format(shlex.quote(str(used.python))))
    python.chmod(python.stat().st_mode | 0o111)


def _output(command: list[str | Path], variables: dict[str, str]) -> str | None:
    """Return what a command prints; None if it fails or cannot be started."""
    try:
        done = subprocess.run(
            command,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
