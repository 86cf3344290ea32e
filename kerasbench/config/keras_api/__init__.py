"""What each pinned version of Keras offers: classes with their arguments, losses and metrics.

The JSON files are what describe.py prints under each version. A user writes Keras 3's names; where Keras 2 names an
argument otherwise, `kerasbench.worker.optimizers` translates it.
"""

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasbench.config.schema import BackendConfig
from kerasbench.config.signatures import is_file
from kerasbench.paths import REQUIREMENTS

_FOLDER = Path(__file__).parent
_NEWEST = "3.15"


@dataclass(frozen=True)
class KerasClass:
    """A class of Keras that a configuration can name.

    Attributes:
        name: its name.
        defaults: its optional arguments with their defaults; None also stands for a default that is no plain value.
        required: its other arguments.
    """

    name: str
    defaults: dict[str, Any]
    required: tuple[str, ...]

    @property
    def arguments(self) -> list[str]:
        """The names of all arguments."""
        return [*self.required, *self.defaults]


@dataclass(frozen=True)
class KerasApi:
    """One version of Keras."""

    version: str
    optimizers: dict[str, KerasClass]
    schedules: dict[str, KerasClass]
    callbacks: dict[str, KerasClass]
    losses: tuple[str, ...]
    metrics: tuple[str, ...]

    @property
    def major(self) -> int:
        """2 or 3."""
        return int(self.version.partition(".")[0])


def of_backend(backend: BackendConfig) -> KerasApi:
    """Return the API of the Keras version that the backend's requirements pin, or of the newest described one."""
    path = REQUIREMENTS / backend.requirements
    pinned = re.search(r"^keras(?:-mxnet)?==(\d+\.\d+)", path.read_text() if is_file(path) else "", re.M | re.I)
    version = pinned.group(1) if pinned else _NEWEST
    return _described(version if (_FOLDER / f"{version}.json").is_file() else _NEWEST)


def newest() -> KerasApi:
    """Return the API of the newest described version, whose names a configuration uses."""
    return _described(_NEWEST)


@functools.cache
def _described(version: str) -> KerasApi:
    content = json.loads((_FOLDER / f"{version}.json").read_text(encoding="utf-8"))
    kinds = {
        kind: {name: KerasClass(name, one["defaults"], tuple(one["required"])) for name, one in content[kind].items()}
        for kind in ("optimizers", "schedules", "callbacks")
    }
    return KerasApi(content["version"], **kinds, losses=tuple(content["losses"]), metrics=tuple(content["metrics"]))
