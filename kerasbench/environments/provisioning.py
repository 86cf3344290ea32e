"""Makes a backend's virtual environment: interpreter, pinned packages, what they lack, and the proof that it runs."""

import hashlib
import importlib
import json
import platform
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uv
from filelock import FileLock

from kerasbench.config import settings
from kerasbench.config.schema import BackendConfig, SettingsConfig
from kerasbench.environments import interpreters, pip_settings
from kerasbench.paths import REQUIREMENTS
from kerasbench.process import children
from kerasbench.process.worker_process import WorkerDied, start
from kerasbench.terminal.errors import UserError
from kerasbench.terminal.progress import Announce
from kerasbench.worker import protocol

_MARKER = "kerasbench.json"
_PACKAGES = "packages.txt"


@dataclass(frozen=True)
class Environment:
    """A backend's environment that has been proven to import its backend."""

    folder: Path
    proof: dict[str, Any]  # what the worker said of itself: keras_version, backend_version, python_version

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        """A file that lists every installed package with its version, as `pip freeze` does."""
        return self.folder / _PACKAGES


def folder_of(backend: BackendConfig, cache: Path) -> Path:
    """Return the environment's folder: its name holds a digest of all that decides what is in it."""
    parts = [backend.python, str(backend.interpreter), platform.machine(), _requirements(backend).read_text()]
    for name in backend.post_install:
        parts += [path.read_text() for path in sorted(Path(__file__).parent.glob(f"post_install/{name}.*"))]
    return cache / f"{backend.name}-{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:12]}"


def _requirements(backend: BackendConfig) -> Path:
    path = REQUIREMENTS / backend.requirements
    if not path.is_file():
        raise UserError(f"backend.requirements={backend.requirements}: there is no {path}")
    return path


def ready(backend: BackendConfig, cache: Path) -> Environment | None:
    """Return the backend's environment if it is there and its interpreter still is, else None."""
    folder = folder_of(backend, cache)
    try:
        proof = json.loads((folder / _MARKER).read_text())
    except FileNotFoundError:
        return None
    environment = Environment(folder, proof)
    return environment if environment.python.exists() else None


def provision(backend: BackendConfig, cache: Path, announce: Announce) -> Environment:
    """Return the backend's environment; make it first if it is not there.

    It is made beside its place and moved there when it is proven, under a lock: an interrupted installation leaves
    nothing half-made, and two processes that ask at once make it once.

    Raises:
        UserError: the interpreter is missing, or the installation or the proof fails.
    """
    found = ready(backend, cache)
    if found:
        return found
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f".{backend.name}.lock"):
        found = ready(backend, cache)  # another process may have made it while this one waited
        return found or _make(backend, cache, announce)


def remove(backend: BackendConfig, cache: Path) -> list[Path]:
    """Delete the backend's environments, outdated ones too, and return their folders."""
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / f".{backend.name}.lock"):
        own = re.compile(re.escape(backend.name) + r"-[0-9a-f]{12}")  # and no other backend's, whose name goes on
        folders = [folder for folder in cache.iterdir() if own.fullmatch(folder.name)]
        for folder in folders:
            shutil.rmtree(folder)
    return folders


def _make(backend: BackendConfig, cache: Path, announce: Announce) -> Environment:
    for leftover in cache.glob(f".{backend.name}.tmp-*"):
        shutil.rmtree(leftover)
    announce("looking for an interpreter")
    interpreter = interpreters.find(backend.python, backend.interpreter, backend.name)
    place = Path(tempfile.mkdtemp(prefix=f".{backend.name}.tmp-", dir=cache))
    log = cache / f"{backend.name}.log"
    log.write_text("")
    try:
        announce(f"creating a virtual environment of Python {interpreter.version}")
        _uv(log, "venv", "--clear", "--no-project", "--python", interpreter.path, place)
        requirements = _requirements(backend)
        count = sum("==" in line for line in requirements.read_text().splitlines())
        announce(f"installing {count} packages")
        _uv(log, "pip", "install", "--python", place / "bin" / "python", "--requirement", requirements)
        packages = _uv(log, "pip", "freeze", "--python", place / "bin" / "python")
        (place / _PACKAGES).write_text(packages)
        for name in backend.post_install:
            importlib.import_module(f"kerasbench.environments.post_install.{name}").apply(place)
        announce("compiling bytecode")
        # By the interpreter itself (uv's own way fails on Python 3.6), and some packages hold files that are no Python.
        children.run(
            [place / "bin" / "python", "-m", "compileall", "-q", "-j", "0", place / "lib"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        announce("proving that it imports")
        proof = _prove(backend, place, log)
        (place / _MARKER).write_text(json.dumps(proof, indent=2))
        folder = folder_of(backend, cache)
        if folder.exists():
            shutil.rmtree(folder)  # made with an interpreter that is gone
        place.rename(folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    announce(
        f"ready: Keras {proof['keras_version']}, {backend.framework} {proof['backend_version']}, "
        f"Python {proof['python_version']}"
    )
    return Environment(folder, proof)


def _uv(log: Path, *arguments: str | Path) -> str:
    """Run uv with pip's settings, its messages going to the log, and return what it prints."""
    with log.open("a") as messages:
        done = subprocess.run(
            [uv.find_uv_bin(), *arguments],
            env=pip_settings.for_uv(), stdout=subprocess.PIPE, stderr=messages, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        raise UserError(f"`uv {arguments[0]} {arguments[1]}` failed: {_last_error(log)} (all of it: {log})")
    return done.stdout


def _last_error(log: Path) -> str:
    lines = [line.strip() for line in log.read_text().splitlines() if line.strip()]
    marked = [line for line in lines if line.lower().startswith(("error", "cause"))]
    return (marked or lines or ["no message"])[-1]


def _prove(backend: BackendConfig, folder: Path, log: Path) -> dict[str, Any]:
    """Start a worker without a request: it imports Keras on the backend and tells their versions."""
    output = folder / "proof.log"
    with start(folder, backend, settings.resolve(backend, SettingsConfig(), convolutional=False), output) as worker:
        try:
            event = worker.expect(protocol.READY)
        except WorkerDied as died:
            with log.open("a") as messages:
                messages.write(output.read_text(errors="replace"))
            raise UserError(f"{backend.name} is installed but does not import: {died} (all of it: {log})") from died
    if event["keras_backend"] != backend.framework:
        raise UserError(f"Keras runs on {event['keras_backend']} where {backend.framework} was asked for")
    return {key: value for key, value in event.items() if key.endswith("_version")}
