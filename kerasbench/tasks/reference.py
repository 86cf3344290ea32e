"""The reference backend: draws the initial weights that all backends share, and computes the losses of a parity run."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasbench import environments, lease
from kerasbench.config import settings
from kerasbench.config.composition import backend_named
from kerasbench.config.schema import BackendConfig, Config, SettingsConfig
from kerasbench.config.settings import Resolved
from kerasbench.data import PreparedData
from kerasbench.process.worker_process import WorkerDied, WorkerProcess, start
from kerasbench.tasks import request
from kerasbench.terminal.errors import RunFailed
from kerasbench.worker import protocol


@dataclass(frozen=True)
class Reference:
    """The reference backend for one run, with its default settings, but with the run's threads.

    Attributes:
        config: the run.
        threads: the number of threads of the run's worker.
        data: the prepared data; None: a script has its own.
        folder: the folder for the run's files; results that the jobs of a sweep share are kept beside it.
        sweep: the sweep's id.
        announce: shows what is done.
    """

    config: Config
    threads: int
    data: PreparedData | None
    folder: Path
    sweep: str
    announce: Callable[[str], None]

    @property
    def backend(self) -> BackendConfig:
        """The reference backend's configuration."""
        return backend_named(self.config.parity.reference)

    @property
    def settings(self) -> Resolved:
        """The settings of its worker."""
        return settings.resolve(self.backend, SettingsConfig(threads=self.threads), self.config.model.convolutional)

    def initial_weights(self) -> Path:
        """Return the file with the weights that Keras draws for the model, made once for all jobs of a sweep.

        Raises:
            RunFailed: the reference backend cannot build the model.
        """
        asked = request.to_draw(self.config, self.backend, self.settings, self.data)

        def draw(file: Path) -> None:
            self.announce(f"drawing initial weights on {self.backend.name} (parity.reference)")
            with self._worker("reference-weights.log") as worker:
                worker.send(protocol.WEIGHTS, path=str(file), **asked)
                worker.expect(protocol.READY)
                worker.expect(protocol.WEIGHTS)

        return self._once(f"weights-{_hash(asked)}.npz", draw)

    def losses(self, weights: Path | None) -> list[float]:
        """Return its losses in a parity run, computed once for all jobs of a sweep.

        Raises:
            RunFailed: its worker did not finish.
        """
        asked = request.to_compare(self.config, self.backend, self.settings, self.data, weights)

        def compute(file: Path) -> None:
            self.announce(f"computing the reference's losses on {self.backend.name}")
            with self._worker("reference.log") as worker:
                worker.send(protocol.PARITY, **asked)
                worker.expect(protocol.READY)
                file.write_text(json.dumps(worker.expect(protocol.LOSSES)["losses"]), encoding="utf-8")

        found: list[float] = json.loads(self._once(f"losses-{_hash(asked)}.json", compute).read_text(encoding="utf-8"))
        return found

    def _once(self, name: str, make: Callable[[Path], None]) -> Path:
        """Return a file that the jobs of the sweep share, and make it if it is not there."""
        file = self.folder.parent / f"{self.sweep}-reference-{name}"
        with lease.held(file.parent, file.name):
            if not file.exists():
                part = file.with_name(f".{file.name}")  # np.savez appends .npz to any other suffix
                make(part)
                part.replace(file)
        return file

    @contextmanager
    def _worker(self, log: str) -> Iterator[WorkerProcess]:
        wanted = environments.Specification.of(self.config, self.backend)
        environment = environments.provision(wanted, self.announce)
        try:
            with start(environment.folder, self.backend, self.settings, self.folder / log) as worker:
                yield worker
        except WorkerDied as died:
            raise RunFailed(f"the reference {self.backend.name}: {died}") from died


def _hash(asked: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]
