"""Finds the backends' virtual environments, and makes the missing ones."""

import contextlib
import hashlib
import json
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from kerasbench.config.schema import BackendConfig
from kerasbench.environments import interpreters, pip_settings
from kerasbench.environments.child_processes import ChildProcesses
from kerasbench.environments.installation import PACKAGES, PROOF, Installation
from kerasbench.paths import REQUIREMENTS
from kerasbench.terminal.errors import UserError
from kerasbench.terminal.progress import Announce

_PROVEN = ("keras_version", "backend_version", "python_version")


@dataclass(frozen=True)
class Environment:
    """A backend's environment in which the backend has been imported.

    Attributes:
        folder: the virtual environment.
        proof: what the import reported: keras_version, backend_version, python_version.
    """

    folder: Path
    proof: dict[str, Any]

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        """A file that lists every installed package with its version, as `pip freeze` does."""
        return self.folder / PACKAGES


def folder_of(backend: BackendConfig, cache: Path) -> Path:
    """Return the environment's folder, whose name contains a digest of everything that determines its content."""
    parts = [backend.python, str(backend.interpreter), this_platform(), _requirements(backend).read_text()]
    for name in backend.post_install:
        parts += [path.read_text() for path in sorted(Path(__file__).parent.glob(f"post_install/{name}.*"))]
    return cache / f"{backend.name}-{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:12]}"


def this_platform() -> str:
    """Return the operating system and the processor's architecture: linux-x86_64, linux-aarch64, darwin-arm64."""
    return f"{sys.platform}-{platform.machine()}"


def runs_here(backend: BackendConfig) -> bool:
    """Return whether the backend's packages have builds for this platform."""
    return backend.platforms is None or this_platform() in backend.platforms


def _requirements(backend: BackendConfig) -> Path:
    path = REQUIREMENTS / backend.requirements
    if not path.is_file():
        raise UserError(f"backend.requirements={backend.requirements}: {path} does not exist")
    return path


def ready(backend: BackendConfig, cache: Path) -> Environment | None:
    """Return the backend's environment if it and its interpreter exist, else None; write nothing."""
    folder = folder_of(backend, cache)
    try:
        proof = json.loads((folder / PROOF).read_text(encoding="utf-8"))
        (folder / PACKAGES).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError, ValueError):  # missing, or damaged: it is made again
        return None
    except PermissionError as error:
        raise UserError(f"{error}. Name another folder of environments: environments.folder=FOLDER") from error
    environment = Environment(folder, proof)
    whole = isinstance(proof, dict) and all(isinstance(proof.get(name), str) for name in _PROVEN)
    return environment if whole and environment.python.exists() else None


def check(backends: Mapping[str, tuple[BackendConfig, Path]]) -> None:
    """Check, before any installation or download, that the missing environments can be made.

    Raises:
        UserError: a backend has no build for this platform, an interpreter is missing, or a folder cannot be written.
    """
    for backend, cache in _missing(backends).values():
        _interpreter(backend)
        with _writable(), tempfile.TemporaryFile(dir=_made(cache)):
            pass


def _missing(backends: Mapping[str, tuple[BackendConfig, Path]]) -> dict[str, tuple[BackendConfig, Path]]:
    return {name: (backend, cache) for name, (backend, cache) in backends.items() if not ready(backend, cache)}


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def provision(backend: BackendConfig, cache: Path, announce: Announce) -> Environment:
    """Return the backend's environment; make it first if it is missing.

    Raises:
        UserError: as `provision_all`.
    """
    provision_all({backend.name: (backend, cache)}, lambda name: announce)
    environment = ready(backend, cache)
    assert environment is not None
    return environment


def provision_all(backends: Mapping[str, tuple[BackendConfig, Path]], announcing: Callable[[str], Announce]) -> None:
    """Make the missing environments in parallel.

    Each has its own lock, so concurrent processes make it only once. An interruption ends all installations, and
    removes incomplete environments.

    Args:
        backends: by name, the backend and the folder that contains the environments.
        announcing: returns a function that shows the named environment's steps; called once per missing environment.

    Raises:
        UserError: an environment cannot be made. Platforms and interpreters are checked before any download. The first
            failed installation is raised after the others have ended.
    """
    missing = _missing(backends)
    if not missing:
        return
    interpreter = {name: _interpreter(backend) for name, (backend, _) in missing.items()}
    processes, variables = ChildProcesses(), pip_settings.for_uv()
    installations = {
        name: Installation(
            backend, _requirements(backend), interpreter[name], variables, announcing(name), processes
        )
        for name, (backend, _) in missing.items()
    }  # fmt: skip
    failure: BaseException | None = None
    with ThreadPoolExecutor(len(missing)) as pool:
        try:
            futures = {pool.submit(_provision, missing[name][1], one): one for name, one in installations.items()}
            for future in as_completed(futures):
                error = future.exception()
                if error and failure:
                    futures[future].announce(f"failed: {error}")
                failure = failure or error
        except BaseException:
            processes.end()
            raise
    if failure:
        raise failure


def _interpreter(backend: BackendConfig) -> Path:
    if not runs_here(backend):
        raise UserError(
            f"{backend.name} has no build for this platform ({this_platform()}), only for "
            f"{', '.join(backend.platforms or [])}"
        )
    return interpreters.find(backend.python, backend.interpreter, backend.name)


def _provision(cache: Path, installation: Installation) -> None:
    backend = installation.backend
    with _locked(backend, cache, lambda: installation.processes.ended):
        if not ready(backend, cache):  # another process may have made it while this one waited
            installation.make(folder_of(backend, cache))


@contextlib.contextmanager
def _locked(backend: BackendConfig, cache: Path, cancelled: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Keep other processes from making or removing the backend's environments."""
    with _writable():
        lock = FileLock(_made(cache) / f".{backend.name}.lock")
        lock.acquire(cancel_check=cancelled)
        try:
            yield
        finally:
            lock.release()


@contextlib.contextmanager
def _writable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"the environments' folder cannot be written: {error}. Name another one: environments.folder=FOLDER"
        ) from error


def remove(backend: BackendConfig, cache: Path) -> list[Path]:
    """Delete the backend's environments, outdated ones too, and return their folders.

    Raises:
        UserError: the folder cannot be written.
    """
    own = re.compile(re.escape(backend.name) + r"-[0-9a-f]{12}")  # not those of a backend with a longer name
    if not cache.is_dir():
        return []
    with _locked(backend, cache):
        folders = [folder for folder in cache.iterdir() if own.fullmatch(folder.name)]
        for folder in folders:
            shutil.rmtree(folder)
    return folders
