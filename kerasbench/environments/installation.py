"""Makes one virtual environment: installs pinned packages and additions, and proves that the backend imports."""

import importlib
import json
import secrets
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uv

from kerasbench.config import settings
from kerasbench.config.schema import BackendConfig, SettingsConfig
from kerasbench.environments.child_processes import ChildProcesses
from kerasbench.process.worker_process import WorkerDied, start
from kerasbench.terminal.errors import UserError
from kerasbench.worker import protocol

PROOF = "kerasbench.json"
PACKAGES = "packages.txt"


@dataclass(frozen=True)
class Installation:
    """The installation of one environment.

    Attributes:
        backend: the environment's backend.
        requirements: the file of its pinned packages.
        interpreter: the Python interpreter of the environment.
        variables: uv's environment variables.
        announce: shows the current step.
        processes: starts the child processes.
    """

    backend: BackendConfig
    requirements: Path
    interpreter: Path
    variables: Mapping[str, str]
    announce: Callable[[str], None]
    processes: ChildProcesses

    def make(self, folder: Path) -> dict[str, Any]:
        """Make the environment in a temporary folder, move it into place once it is proven, and return the proof.

        A failed or interrupted installation leaves only a log (NAME.log).

        Raises:
            UserError: the installation or the proof fails.
        """
        backend = self.backend
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
        python = place / "bin" / "python"
        self.announce("creating a virtual environment")
        self._uv(log, "venv", "--no-project", "--python", self.interpreter, place)
        self.announce(f"installing the packages of {self.requirements.name}")
        # Copies instead of uv's hard links into its cache: damage to a linked file would spread to all later
        # environments. For TensorFlow, copies take 2.8 s instead of 0.7 s, and 1.4 GiB.
        self._uv(log, "pip", "install", "--link-mode", "copy", "--python", python, "--requirement", self.requirements)
        (place / PACKAGES).write_text(self._uv(log, "pip", "freeze", "--python", python))
        for name in self.backend.post_install:
            importlib.import_module(f"kerasbench.environments.post_install.{name}").apply(place)
        # The first import compiles only the modules that it needs. On two cores, TensorFlow's takes 8.1 s; compiling
        # all modules first takes 9.5 s, and the import another 2.6 s. The first training compiles six more modules.
        self.announce(f"importing Keras on {self.backend.framework}")
        return self._prove(place, log)

    def _uv(self, log: Path, *arguments: str | Path) -> str:
        """Run uv with its messages in the log, and return its output."""
        with log.open("a") as messages:
            done = self.processes.run(
                [uv.find_uv_bin(), "--no-config", *arguments],
                env=self.variables, stdout=subprocess.PIPE, stderr=messages,
            )  # fmt: skip
        if done.returncode:
            raise UserError(
                f"{self.backend.name}: `uv {arguments[0]} {arguments[1]}` failed: {_last_error(log)} (log: {log})"
            )
        return done.stdout

    def _prove(self, place: Path, log: Path) -> dict[str, Any]:
        """Start a worker without a request: it imports Keras on the backend and sends their versions."""
        backend, output = self.backend, place / "proof.log"
        resolved = settings.resolve(backend, SettingsConfig(), convolutional=False)
        with self.processes.started(lambda: start(place, backend, resolved, output)) as worker, worker:
            try:
                event = worker.expect(protocol.READY)
            except WorkerDied as died:
                with log.open("a") as messages:
                    messages.write(output.read_text(errors="replace"))
                raise UserError(f"{backend.name} is installed but cannot be imported: {died} (log: {log})") from died
        if event["keras_backend"] != backend.framework:
            raise UserError(f"{backend.name}: Keras runs on {event['keras_backend']} instead of {backend.framework}")
        return {key: value for key, value in event.items() if key.endswith("_version")}


def _last_error(log: Path) -> str:
    lines = [line.strip() for line in log.read_text().splitlines() if line.strip()]
    marked = [line for line in lines if line.lower().startswith(("error", "cause"))]
    return (marked or lines or ["no message"])[-1]
