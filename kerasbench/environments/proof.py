"""Proves an environment: the backend imports there, and its kernels compute on the device what NumPy computes.

A build that does not fit the driver or the card may import, train, and compute something else.
"""

import json
import math
import os
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kerasbench.config import builds, keras_api, settings
from kerasbench.config.schema import OWN, BackendConfig, Device, MatmulPrecision, SettingsConfig
from kerasbench.environments.child_processes import ChildProcesses
from kerasbench.environments.specification import Specification
from kerasbench.machine.hardware import cpu_name
from kerasbench.machine.nvml import Nvml
from kerasbench.process.worker_process import WorkerDied, start
from kerasbench.terminal.errors import UserError
from kerasbench.worker import protocol

PROOF = "kerasbench.json"
VERSIONS = ("keras_version", "backend_version", "python_version")
_CPU = "cpu"  # as a worker names the device

# The largest deviation from NumPy's float64, relative to the largest value. In float32, the seven backends stay below
# 1e-6 on a CPU. A GPU may compute with TF32, whose 10 bits of mantissa give 5e-4 per product: JAX's LSTM by cuDNN does
# at every `matmul_precision` (4.5e-4 on an H200). A wrong kernel is wrong by about 1.
TOLERANCES = {True: 1e-5, False: 1e-3}  # by whether the CPU computed

# Several backends may be proven at once on one card, whose memory TensorFlow and JAX take as a whole by default.
_SHARING = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}

# What is computed with: whoever changes these files makes the proof void. Python's files are too many to look at before
# each command, thousands in an environment.
_COMPUTED_WITH = ("*.so", "*.so.*", "*.dist-info/RECORD")


@dataclass(frozen=True)
class Proof:
    """What an environment's marker file holds.

    Attributes:
        versions: keras_version, backend_version and python_version, as the import reported them.
        kernels: one proof for each machine, a driver with its cards, that it was proven on: `machine`, `device`,
            `deviations` from NumPy and `seconds`.
        files: size and time of change of what it computes with; None where it is not known to be sound.
    """

    versions: dict[str, str]
    kernels: list[dict[str, Any]]
    files: dict[str, list[int]] | None

    @classmethod
    def read(cls, folder: Path) -> "Proof | None":
        """Return an environment's proof; None if there is none, or it is damaged.

        Raises:
            OSError: it cannot be read.
        """
        try:
            told = json.loads((folder / PROOF).read_text(encoding="utf-8"))
            versions = {name: str(told[name]) for name in VERSIONS if isinstance(told[name], str)}
            kernels = [one for one in told.get("kernels", []) if isinstance(one, dict)]
            files = told.get("files")
        except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, AttributeError, KeyError):
            return None
        return cls(versions, kernels, files if isinstance(files, dict) else None) if len(versions) == 3 else None

    def write(self, folder: Path) -> None:
        """Write it to its environment, at once."""
        content = self.versions | {"kernels": self.kernels, "files": self.files}
        written = folder / f".{PROOF}.{secrets.token_hex(4)}"
        written.write_text(json.dumps(content, indent=2), encoding="utf-8")
        written.replace(folder / PROOF)

    def holds_for(self, backend: BackendConfig) -> bool:
        """Return whether the kernels were proven with the driver and the cards that the backend sees now."""
        here = machine(backend)
        return any(one.get("machine") == here for one in self.kernels)

    def is_sound(self, folder: Path) -> bool:
        """Return whether what the environment computes with is as it was when it was proven."""
        return self.files is not None and all(_state(folder / name) == state for name, state in self.files.items())


def machine(backend: BackendConfig) -> dict[str, Any]:
    """Return the driver and the kinds of cards that a backend's worker sees on this machine; empty for a CPU build.

    Kinds, because each job of a launcher sees one of several equal cards.
    """
    if not backend.on_gpu:
        return {}
    with Nvml(os.environ | backend.variables) as nvml:
        gpus = nvml.gpus()
    cards = sorted({f"{gpu.name} (compute capability {gpu.capability or 'unknown'})" for gpu in gpus})
    return {"driver": gpus[0].driver, "cards": cards} if gpus else {}


def files(folder: Path) -> dict[str, list[int]]:
    """Return size and time of change of each file in an environment that it computes with."""
    found: dict[str, list[int]] = {}
    for site in folder.glob("lib/python3*/site-packages"):
        for pattern in _COMPUTED_WITH:
            for path in site.rglob(pattern):
                state = _state(path)
                if state:
                    found[str(path.relative_to(folder))] = state
    return found


def _state(path: Path) -> list[int] | None:
    """Return a file's size and its time of change in seconds, which copies and archives keep."""
    try:
        state = path.stat()
    except OSError:
        return None
    return [state.st_size, int(state.st_mtime)]


@dataclass(frozen=True)
class Prover:
    """Proves an environment in a folder.

    Attributes:
        wanted: the environment.
        folder: where it is now.
        log: the file that gets the worker's output if the proof fails.
        processes: starts the worker.
    """

    wanted: Specification
    folder: Path
    log: Path
    processes: ChildProcesses

    def prove(self, earlier: Proof | None = None) -> Proof:
        """Import Keras on the backend, compute the kernels in the same process, and return the proof.

        Args:
            earlier: its proof on other machines.

        Raises:
            UserError: the backend cannot be imported, is another one, or a kernel computes something else.
        """
        backend, output = self.wanted.backend, self.folder / "proof.log"
        precise = SettingsConfig(matmul_precision=MatmulPrecision.highest)
        resolved = settings.resolve(backend, precise, convolutional=False)
        resolved = replace(resolved, variables=_SHARING | resolved.variables | backend.proof_variables)
        with self.processes.started(lambda: start(self.folder, backend, resolved, output)) as worker, worker:
            done = "cannot be imported"
            try:
                imported = worker.expect(protocol.READY)
                self._check_versions(imported)
                done = "cannot compute"
                worker.send(protocol.KERNELS, seed=1, **settings.requested(backend, resolved))
                computed = worker.expect(protocol.KERNELS)
            except WorkerDied as died:
                with self.log.open("a") as messages:
                    messages.write(output.read_text(errors="replace"))
                raise self._refusal(f"{self._what} {done}: {died} (log: {self.log})") from died
        self._check_kernels(computed)
        here = {"machine": machine(backend)}
        others = [one for one in earlier.kernels if one.get("machine") != here["machine"]] if earlier else []
        kernels = here | {name: computed[name] for name in ("device", "deviations", "seconds")}
        versions = {name: imported[name] for name in VERSIONS}
        return Proof(versions, [*others, kernels], {} if self.wanted.use else files(self.folder))

    @property
    def _what(self) -> str:
        backend = self.wanted.backend
        if self.wanted.use:
            return f"{backend.name}: with backend.interpreter={backend.interpreter}, Keras on {backend.framework}"
        return f"{backend.name} is installed but"

    def _check_versions(self, event: dict[str, Any]) -> None:
        backend = self.wanted.backend
        if event["keras_backend"] != backend.framework:
            raise UserError(f"{backend.name}: Keras runs on {event['keras_backend']} instead of {backend.framework}")
        major = keras_api.of_backend(backend).major
        if self.wanted.use and event["keras_version"].split(".")[0] != str(major):
            raise UserError(
                f"{backend.interpreter} has Keras {event['keras_version']}, and {backend.name} needs Keras {major}"
            )

    def _check_kernels(self, event: dict[str, Any]) -> None:
        """Raise UserError if a kernel deviates, or if the CPU computed where a GPU is to."""
        backend, on_cpu = self.wanted.backend, event["device"] == _CPU
        asked = backend.build != OWN or backend.device is Device.gpu  # a user's own environment may be for the CPU
        if on_cpu and asked and machine(backend):
            raise self._refusal(f"{self._what} computes on the CPU (log: {self.log})")
        allowed = TOLERANCES[on_cpu]
        wrong = [
            f"its {name} deviates from NumPy's by {deviation:.2g} of the largest value, and {allowed:g} is allowed"
            for name, deviation in event["deviations"].items()
            if not deviation <= allowed or math.isnan(deviation)
        ]
        if wrong:
            raise self._refusal(f"{self._what} computes wrong results: {', '.join(wrong)}")

    def _refusal(self, what: str) -> UserError:
        """Return the error with the driver, the cards, the build, and what would fit."""
        backend, here = self.wanted.backend, machine(self.wanted.backend)
        if not backend.on_gpu:
            return UserError(f"{what} [build cpu, on {cpu_name()}]")
        where = f"driver {here['driver']}, {', '.join(here['cards'])}" if here else f"no GPU, on {cpu_name()}"
        return UserError(f"{what} [build {backend.build}, {where}]. {_what_fits(backend)}")


def _what_fits(backend: BackendConfig) -> str:
    """Return how to choose the next build that fits, if there is one, and the CPU build."""
    facts = builds.facts_of(backend)
    places = [place for place, build in enumerate(backend.builds) if build.name == backend.build]
    later = backend.builds[places[0] + 1 :] if places else []
    following = builds.choose(later, facts).build
    on_cpu = "backend.device=cpu computes on the CPU"
    if following is None:
        return f"No other GPU build fits; {on_cpu}"
    stated = f"backend.facts='driver={following.driver} capability={facts.capability}'"
    return f"Its build {following.name} fits, too: {stated} chooses it; {on_cpu}"
