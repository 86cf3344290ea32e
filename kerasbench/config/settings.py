"""What decides speed: from what was asked, the variant and the framework's own words to what a worker is told."""

import importlib
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from kerasbench.config.schema import BackendConfig, ChosenSettings, SettingsConfig, Variant
from kerasbench.machine.hardware import physical_cores
from kerasbench.terminal.errors import UserError


@dataclass(frozen=True)
class Resolved:
    """The settings of one worker.

    Attributes:
        values: of every setting that the framework has, None where its own default stays.
        variables: the backend's environment variables, those that put settings in force among them.
    """

    values: dict[str, Any]
    variables: dict[str, str]

    @property
    def threads(self) -> int:
        """The CPU threads of every numerical library in the worker."""
        return int(self.values["threads"])


def check(backend: BackendConfig, asked: SettingsConfig) -> None:
    """Raise UserError where something is asked of a framework that it does not have."""
    has = _framework(backend).SETTINGS
    for name, value in _chosen(asked).items():
        if value is not None and name not in has:
            raise UserError(f"settings.{name}={value}: {backend.name} has no such setting; it has {', '.join(has)}")


def resolve(backend: BackendConfig, asked: SettingsConfig, convolutional: bool) -> Resolved:
    """Return what a worker of this backend is told.

    What was asked for wins over the `tuned` variant's advice, and both over the framework's own default. The layout of
    images is left alone where no layer is a convolution: no other has two ways.
    """
    framework = _framework(backend)
    tuned = asked.variant is Variant.tuned
    advice = _chosen(backend.tuned.settings) if tuned else {}
    chosen = {name: value for name, value in _chosen(asked).items() if value is not None}
    values = {name: chosen.get(name, advice.get(name)) for name in framework.SETTINGS}
    values["threads"] = values["threads"] or physical_cores()
    if not convolutional:
        values["image_layout"] = None
    variables = backend.variables | (backend.tuned.variables if tuned else {}) | framework.variables(values)
    return Resolved(values, variables)


def _framework(backend: BackendConfig) -> Any:
    return importlib.import_module(f"kerasbench.worker.frameworks.{backend.adapter}")


def _chosen(settings: ChosenSettings) -> dict[str, Any]:
    fields = {name: value for name, value in asdict(settings).items() if name != "variant"}
    return {name: value.value if isinstance(value, Enum) else value for name, value in fields.items()}
