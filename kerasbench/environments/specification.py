"""Says which environment a run needs, and where it is: the folder's name follows from everything that it holds."""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from kerasbench.config import packages
from kerasbench.config.schema import BackendConfig, Config
from kerasbench.environments import existing
from kerasbench.machine.hardware import this_platform
from kerasbench.paths import REQUIREMENTS
from kerasbench.terminal.errors import UserError


@dataclass(frozen=True)
class Specification:
    """The environment that a run needs.

    Attributes:
        backend: its backend.
        cache: the folder that contains the environments.
        extra: the user's packages beside the backend's, as `packages.extra` returns them.
        use: run in the environment of `backend.interpreter`, which is never changed; the folder then holds only what
            kerasbench itself writes.
    """

    backend: BackendConfig
    cache: Path
    extra: tuple[str, ...] = ()
    use: bool = False

    @classmethod
    def of(cls, config: Config, backend: BackendConfig | None = None) -> Self:
        """Return the environment of a run's backend, or of another one that takes part in it, such as the reference.

        Another one has the same extra packages, because the user's model may import them. The environment of
        `environments.use` may lack its framework: it runs in kerasbench's own.
        """
        backend, asked = backend or config.backend, config.environments
        use = asked.use and backend.name == config.backend.name
        return cls(config.backend if use else backend, Path(asked.folder), packages.extra(asked), use)

    @functools.cached_property
    def folder(self) -> Path:
        """The environment's folder; its name contains a digest of everything that determines its content.

        Raises:
            UserError: the backend's list of packages is missing, or the environment to use cannot be read.
        """
        if self.use:
            parts = ["use", str(self.used.python), self.used.version, self.used.packages]
        else:
            parts = [self.backend.python, str(self.backend.interpreter), this_platform(), self.requirements.read_text()]
            for name in self.backend.post_install:
                parts += [path.read_text() for path in sorted(Path(__file__).parent.glob(f"post_install/{name}.*"))]
            parts += self.extra
        build = f"-{self.backend.chosen.name}" if self.backend.chosen and not self.use else ""
        digest = hashlib.sha256("|".join(parts).encode()).hexdigest()[:12]
        return self.cache / f"{self.backend.name}{build}-{digest}"

    @functools.cached_property
    def used(self) -> existing.Existing:
        """The user's environment, if `use`."""
        return existing.read(self.backend)

    @property
    def requirements(self) -> Path:
        """The file of the pinned packages of the backend's build."""
        name = (self.backend.chosen or self.backend).requirements
        path = REQUIREMENTS / name
        if not path.is_file():
            raise UserError(f"backend.requirements={name}: {path} does not exist")
        return path

    @property
    def runs_here(self) -> bool:
        """Whether the backend's packages have builds for this platform."""
        return self.backend.platforms is None or this_platform() in self.backend.platforms
