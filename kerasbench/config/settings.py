"""Performance settings: combines the user's choices, the variant and the framework's defaults for a worker."""

import importlib
from dataclasses import asdict, dataclass, fields
from enum import Enum
from typing import Any

from kerasbench.config.builds import WITHOUT_GPU
from kerasbench.config.schema import CPU, BackendConfig, ChosenSettings, SettingsConfig, Variant
from kerasbench.machine.hardware import physical_cores
from kerasbench.terminal.errors import UserError


@dataclass(frozen=True)
class Resolved:
    """The settings of one worker.

    Attributes:
        values: the value of every setting that the framework has; None keeps its default.
        variables: the backend's environment variables, including those that apply settings.
    """

    values: dict[str, Any]
    variables: dict[str, str]

    @property
    def threads(self) -> int:
        """The number of CPU threads of every numerical library in the worker."""
        return int(self.values["threads"])


def check(backend: BackendConfig, asked: SettingsConfig) -> None:
    """Raise UserError for a setting that the framework does not have."""
    has = _framework(backend).SETTINGS
    for name, value in _chosen(asked).items():
        if value is not None and name not in has:
            raise UserError(f"settings.{name}={value}: {backend.name} has no such setting; it has {', '.join(has)}")


def check_device(backend: BackendConfig, asked: SettingsConfig) -> None:
    """Raise UserError for a setting that needs a GPU where the backend's chosen build computes on the CPU."""
    if asked.data_on_device and not backend.on_gpu:
        raise UserError(
            f"settings.data_on_device=true: {backend.name} computes on the CPU here, and its data are in the CPU's "
            "memory already; leave it out, or see backend.device=gpu for a GPU build"
        )


def resolve(backend: BackendConfig, asked: SettingsConfig, convolutional: bool) -> Resolved:
    """Return the settings of a worker of this backend.

    The user's choice overrides the `tuned` variant's advice, and both override the framework's default. Without a
    convolution, the image layout keeps its default: no other layer supports two.
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
    return Resolved(values, variables | (WITHOUT_GPU if backend.build == CPU else {}))


def requested(backend: BackendConfig, resolved: Resolved) -> dict[str, Any]:
    """Return what every request to a worker says of its backend and settings."""
    return {
        "seed_function": backend.seed_function,
        "fixes": backend.fixes,
        "framework": backend.adapter,
        "settings": {
            one.name: resolved.values.get(one.name) for one in fields(SettingsConfig) if one.name != "variant"
        },
    }


def _framework(backend: BackendConfig) -> Any:
    return importlib.import_module(f"kerasbench.worker.frameworks.{backend.adapter}")


def _chosen(settings: ChosenSettings) -> dict[str, Any]:
    """Return what is chosen of the settings that frameworks have; one device is every framework's default."""
    fields = {name: value for name, value in asdict(settings).items() if name != "variant"}
    if fields.get("devices") == 1:
        fields["devices"] = None
    return {name: value.value if isinstance(value, Enum) else value for name, value in fields.items()}
