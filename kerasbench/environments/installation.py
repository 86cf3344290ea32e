"""Makes one environment: installs packages and additions, or adopts the user's, and proves that the backend imports."""

import importlib
import itertools
import json
import re
import secrets
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uv

from kerasbench.config import keras_api, settings
from kerasbench.config.schema import SettingsConfig
from kerasbench.environments import existing
from kerasbench.environments.child_processes import ChildProcesses
from kerasbench.environments.specification import Specification
from kerasbench.process.worker_process import WorkerDied, start
from kerasbench.terminal.errors import UserError
from kerasbench.worker import protocol

PROOF = "kerasbench.json"
PACKAGES = "packages.txt"
_CONFLICT = "No solution found"  # uv's words for packages that do not go together


@dataclass(frozen=True)
class Installation:
    """The installation of one environment.

    Attributes:
        wanted: the environment.
        interpreter: the Python interpreter that the virtual environment is made from.
        variables: uv's environment variables.
        announce: shows the current step.
        processes: starts the child processes.
    """

    wanted: Specification
    interpreter: Path
    variables: Mapping[str, str]
    announce: Callable[[str], None]
    processes: ChildProcesses

    def make(self) -> dict[str, Any]:
        """Make the environment in a temporary folder, move it into place once it is proven, and return the proof.

        A failed or interrupted installation leaves only a log (NAME.log).

        Raises:
            UserError: the installation or the proof fails.
        """
        folder, backend = self.wanted.folder, self.wanted.backend
        for leftover in folder.parent.glob(f".{backend.name}.tmp-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        # Not tempfile, whose folders only their owner can read: the umask decides who shares an environment.
        place = folder.parent / f".{backend.name}.tmp-{secrets.token_hex(4)}"
        try:
            proof = self._install(place, folder.parent / f"{backend.name}.log")
            (place / PROOF).write_text(json.dumps(proof, indent=2))
            if folder.exists():
                shutil.rmtree(folder)  # its interpreter is gone
            place.rename(folder)
        finally:
            shutil.rmtree(place, ignore_errors=True)
        self.announce(
            f"ready: Keras {proof['keras_version']}, {backend.framework} {proof['backend_version']}, "
            f"Python {proof['python_version']}"
        )
        return proof

    def _install(self, place: Path, log: Path) -> dict[str, Any]:
        log.unlink(missing_ok=True)  # it may be another user's
        if self.wanted.use:
            existing.write_launcher(self.wanted.used, place)
            packages = self.wanted.used.packages
        else:
            packages = self._install_packages(place, log)
        (place / PACKAGES).write_text(packages, encoding="utf-8")
        # The first import compiles only the modules that it needs. On two cores, TensorFlow's takes 8.1 s; compiling
        # all modules first takes 9.5 s, and the import another 2.6 s. The first training compiles six more modules.
        self.announce(f"importing Keras on {self.wanted.backend.framework}")
        return self._prove(place, log)

    def _install_packages(self, place: Path, log: Path) -> str:
        """Make a virtual environment with the backend's packages and the user's, and return the list of all."""
        requirements, extra = self.wanted.requirements, self.wanted.extra
        python = place / "bin" / "python"
        self.announce("creating a virtual environment")
        self._uv(log, "venv", "--no-project", "--python", self.interpreter, place)
        self.announce(f"installing the packages of {' and '.join([requirements.name, *extra])}")
        # Copies instead of uv's hard links into its cache: damage to a linked file would spread to all later
        # environments. For TensorFlow, copies take 2.8 s instead of 0.7 s, and 1.4 GiB.
        # One call for all packages: the pins are requirements, too, so that no extra package can change one.
        self._uv(
            log, "pip", "install", "--link-mode", "copy", "--python", python, "--requirement", requirements, *extra
        )
        packages = self._uv(log, "pip", "freeze", "--python", python)
        for name in self.wanted.backend.post_install:
            importlib.import_module(f"kerasbench.environments.post_install.{name}").apply(place)
        return packages

    def _uv(self, log: Path, *arguments: str | Path) -> str:
        """Run uv with its messages in the log, and return its output."""
        with log.open("a") as messages:
            done = self.processes.run(
                [uv.find_uv_bin(), "--no-config", *arguments],
                env=self.variables, stdout=subprocess.PIPE, stderr=messages,
            )  # fmt: skip
        if done.returncode:
            raise UserError(self._why(log, f"`uv {arguments[0]} {arguments[1]}` failed"))
        return done.stdout

    def _why(self, log: Path, what: str) -> str:
        """Return one line with uv's reason; packages that do not go together are the user's, because the pins do."""
        name, extra = self.wanted.backend.name, self.wanted.extra
        headline, reason = _error(log)
        if extra and headline.startswith(_CONFLICT):
            what = f"{', '.join(extra)} cannot be installed beside the packages of {self.wanted.requirements.name}"
        elif headline != reason:  # a package that cannot be built, and the last line of its own script
            what = f"{what}: {headline}"
        return f"{name}: {what}: {reason} (log: {log})"

    def _prove(self, place: Path, log: Path) -> dict[str, Any]:
        """Start a worker without a request: it imports Keras on the backend and sends their versions."""
        backend, output = self.wanted.backend, place / "proof.log"
        what = f"{backend.name} is installed but"
        if self.wanted.use:
            what = f"{backend.name}: with backend.interpreter={backend.interpreter}, Keras on {backend.framework}"
        resolved = settings.resolve(backend, SettingsConfig(), convolutional=False)
        with self.processes.started(lambda: start(place, backend, resolved, output)) as worker, worker:
            try:
                event = worker.expect(protocol.READY)
            except WorkerDied as died:
                with log.open("a") as messages:
                    messages.write(output.read_text(errors="replace"))
                raise UserError(f"{what} cannot be imported: {died} (log: {log})") from died
        if event["keras_backend"] != backend.framework:
            raise UserError(f"{backend.name}: Keras runs on {event['keras_backend']} instead of {backend.framework}")
        major = keras_api.of_backend(backend).major
        if self.wanted.use and event["keras_version"].split(".")[0] != str(major):
            raise UserError(
                f"{backend.interpreter} has Keras {event['keras_version']}, and {backend.name} needs Keras {major}"
            )
        return {key: value for key, value in event.items() if key.endswith("_version")}


def _error(log: Path) -> tuple[str, str]:
    """Return uv's last error, and its last cause or the last error of a program that it ran, each in one line."""
    lines = [line for line in log.read_text(encoding="utf-8").splitlines() if line.strip()] or ["no message"]
    marked = [number for number, line in enumerate(lines) if line.strip().lower().startswith(("error", "cause"))]
    first, *rest = lines[marked[-1] :] if marked else lines[-1:]
    further = itertools.takewhile(lambda line: line[0].isspace(), rest)
    reason = " ".join(_unmarked(line) for line in (first, *further))
    return next((_unmarked(line) for line in reversed(lines) if line.startswith("error: ")), reason), reason


def _unmarked(line: str) -> str:
    return re.sub("^(error|cause): ", "", line.strip())
