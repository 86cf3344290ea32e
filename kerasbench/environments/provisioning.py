"""Finds the backends' virtual environments, and makes the missing ones."""

import contextlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

from kerasbench import lease
from kerasbench.config.schema import BackendConfig
from kerasbench.environments import interpreters, pip_settings
from kerasbench.environments.child_processes import ChildProcesses
from kerasbench.environments.installation import PACKAGES, Installation
from kerasbench.environments.proof import Proof
from kerasbench.environments.specification import Specification
from kerasbench.machine.hardware import this_platform
from kerasbench.terminal.errors import UserError
from kerasbench.terminal.progress import Announce


@dataclass(frozen=True)
class Environment:
    """A backend's environment that has been proven.

    Attributes:
        folder: the virtual environment; of a user's environment, a folder that starts its interpreter.
        proof: what the import reported: keras_version, backend_version, python_version.
    """

    folder: Path
    proof: Mapping[str, str]

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        """A file that lists every installed package with its version, as `pip freeze` does."""
        return self.folder / PACKAGES


def ready(wanted: Specification) -> Environment | None:
    """Return the environment if it exists and is proven with this driver and these cards, else None; write nothing.

    Raises:
        UserError: the environment that the user has cannot be read, or kerasbench's folder cannot.
    """
    proof = _earlier_proof(wanted)
    if proof and proof.is_sound(wanted.folder) and proof.holds_for(wanted.backend):
        return Environment(wanted.folder, proof.versions)
    return None


def installed(wanted: Specification) -> Environment | None:
    """Return the environment if it exists and was proven on some machine, else None; write nothing.

    Raises:
        UserError: as `ready`.
    """
    proof = _earlier_proof(wanted)
    return Environment(wanted.folder, proof.versions) if proof else None


def doubt(wanted: Specification) -> None:
    """Have an environment proven before its next use, because its backend could not be imported."""
    with contextlib.suppress(OSError, UserError):
        proof = Proof.read(wanted.folder)
        if proof:
            replace(proof, files=None).write(wanted.folder)


def _earlier_proof(wanted: Specification) -> Proof | None:
    """Return the proof of an environment that is complete, wherever it was proven."""
    try:
        proof = Proof.read(wanted.folder)
        (wanted.folder / PACKAGES).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError, ValueError):  # missing, or damaged: it is made again
        return None
    except PermissionError as error:
        raise UserError(f"{error}. Name another folder of environments: environments.folder=FOLDER") from error
    return proof if (wanted.folder / "bin" / "python").exists() else None


def check(wanted: Iterable[Specification]) -> None:
    """Check, before any installation or download, that the missing environments can be made.

    Raises:
        UserError: a backend has no build for this platform, an interpreter is missing, or a folder cannot be written.
    """
    for one in _missing(wanted):
        _interpreter(one)
        with _writable(), tempfile.TemporaryFile(dir=_made(one.cache)):
            pass


def _missing(wanted: Iterable[Specification]) -> list[Specification]:
    """Return those that do not exist yet, each once."""
    return list({one.folder: one for one in wanted if not ready(one)}.values())


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def provision(wanted: Specification, announce: Announce) -> Environment:
    """Return the environment; make it first if it is missing.

    Raises:
        UserError: as `provision_all`.
    """
    provision_all([wanted], lambda name: announce)
    environment = ready(wanted)
    assert environment is not None
    return environment


def provision_all(wanted: Iterable[Specification], announcing: Callable[[str], Announce]) -> None:
    """Make the missing environments in parallel.

    Each backend has its own lease, so concurrent processes, on other machines too, make each environment only once. An
    interruption ends all installations, and removes incomplete environments.

    Args:
        wanted: the environments, in any number, also repeated.
        announcing: returns a function that shows the steps for the named backend; called once per missing environment.

    Raises:
        UserError: an environment cannot be made. Platforms and interpreters are checked before any download. The first
            failed installation is raised after the others have ended.
    """
    missing = _missing(wanted)
    if not missing:
        return
    interpreters_of = [_interpreter(one) for one in missing]
    processes, variables = ChildProcesses(), pip_settings.for_uv()
    installations = [
        Installation(one, interpreter, variables, announcing(one.backend.name), processes)
        for one, interpreter in zip(missing, interpreters_of, strict=True)
    ]
    failure: BaseException | None = None
    with ThreadPoolExecutor(len(missing)) as pool:
        try:
            futures = {pool.submit(_provision, one): one for one in installations}
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


def _interpreter(wanted: Specification) -> Path:
    backend = wanted.backend
    if wanted.use:
        return wanted.used.python
    if not wanted.runs_here:
        raise UserError(
            f"{backend.name} has no build for this platform ({this_platform()}), only for "
            f"{', '.join(backend.platforms or [])}"
        )
    return interpreters.find(backend.python, backend.interpreter, backend.name)


def _provision(installation: Installation) -> None:
    wanted = installation.wanted
    with _alone(wanted.backend, wanted.cache, lambda: installation.processes.ended, installation.announce):
        if ready(wanted):  # another process may have made it while this one waited
            return
        earlier = _earlier_proof(wanted)
        if earlier:
            installation.prove_again(earlier)
        else:
            installation.make()


@contextlib.contextmanager
def _alone(
    backend: BackendConfig,
    cache: Path,
    cancelled: Callable[[], bool] = lambda: False,
    waiting: Callable[[str], None] = print,
) -> Iterator[None]:
    """Keep other processes, of all machines that share the folder, from making or removing its environments."""
    with _writable(), lease.held(_made(cache), backend.name, cancelled, waiting):
        yield


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
    builds = "".join(f"|-{re.escape(build.name)}" for build in backend.builds)
    own = re.compile(f"{re.escape(backend.name)}({builds})-[0-9a-f]{{12}}")  # not those of a backend with a longer name
    if not cache.is_dir():
        return []
    with _alone(backend, cache):
        folders = [folder for folder in cache.iterdir() if own.fullmatch(folder.name)]
        for folder in folders:
            shutil.rmtree(folder)
    return folders
