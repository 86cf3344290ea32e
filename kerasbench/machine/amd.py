"""The AMD GPUs that a worker can see, read through AMD SMI's Python package `amdsmi`, where it is installed."""

import importlib
import os
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from kerasbench.machine.nvml import Gpu

_POWERS = ("socket_power", "current_socket_power", "average_socket_power")  # ROCm 7, MI300, older cards

# The readings, by the names that NVIDIA's have. Units, by AMD's reference of the Python API: percent, MiB, watts.
_READINGS: dict[str, Callable[[Any, Any], Any]] = {
    "utilization_percent": lambda smi, handle: smi.amdsmi_get_gpu_activity(handle)["gfx_activity"],
    "memory_mib": lambda smi, handle: smi.amdsmi_get_gpu_vram_usage(handle)["vram_used"],
    "power_watts": lambda smi, handle: _power(smi.amdsmi_get_power_info(handle)),
}


def _power(told: Mapping[str, Any]) -> Any:
    """Return the power that a card tells; it says N/A in the others' place."""
    return next(told[name] for name in _POWERS if isinstance(told.get(name), int | float))


def _library() -> Any:
    """Return the module; None where it, or the library that it loads, is missing."""
    try:
        return importlib.import_module("amdsmi")
    except (ImportError, OSError):
        return None


class Amd:
    """AMD SMI, initialised inside a `with` block; there are no GPUs if it or the driver is missing."""

    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        """Read only the GPUs that a worker with these environment variables can see."""
        self._variables = variables

    def __enter__(self) -> Self:
        self._handles: list[Any] = []
        self._smi = _library()
        if self._smi is None:
            return self
        try:
            self._smi.amdsmi_init()
        except self._smi.AmdSmiException:  # no driver
            self._smi = None
            return self
        handles = self._ask(lambda smi, _: list(smi.amdsmi_get_processor_handles()), None, [])
        self._handles = _visible(handles, self._variables)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._smi is not None:
            self._ask(lambda smi, _: smi.amdsmi_shut_down(), None, None)

    def gpus(self) -> list[Gpu]:
        """Return every GPU's name, driver version and memory."""
        return [
            Gpu(
                name=str(self._ask(lambda smi, gpu: smi.amdsmi_get_gpu_asic_info(gpu)["market_name"], one, "AMD")),
                driver=str(self._ask(lambda smi, gpu: smi.amdsmi_get_gpu_driver_info(gpu)["driver_version"], one, "")),
                memory_mib=int(self._ask(lambda smi, gpu: smi.amdsmi_get_gpu_vram_usage(gpu)["vram_total"], one, 0)),
            )
            for one in self._handles
        ]

    def processes(self) -> list[int]:
        """Return 0 for each GPU: the processes on it are not read."""
        return [0] * len(self._handles)

    def sample(self) -> list[dict[str, float]]:
        """Return each GPU's current readings by their names, without those that it does not support."""
        found = [{name: self._ask(read, handle, None) for name, read in _READINGS.items()} for handle in self._handles]
        return [{name: float(value) for name, value in one.items() if isinstance(value, int | float)} for one in found]

    def _ask(self, question: Callable[[Any, Any], Any], handle: Any, otherwise: Any) -> Any:
        """Return what the library answers; `otherwise` where the GPU does not support the question."""
        try:
            return question(self._smi, handle)
        except (self._smi.AmdSmiException, KeyError, StopIteration):
            return otherwise


def _visible(handles: list[Any], variables: Mapping[str, str]) -> list[Any]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES makes visible, which HIP reads as well (HIP's documentation).

    Of the variables that select GPUs, a worker inherits this one alone. Indices count up to the first that is none.
    """
    asked = variables.get("CUDA_VISIBLE_DEVICES")
    if asked is None:
        return handles
    found: list[Any] = []
    for name in map(str.strip, asked.split(",")):
        if not name.isdecimal() or int(name) >= len(handles):
            break
        found.append(handles[int(name)])
    return found
