"""The part of TensorFlow 2 that the worker and the backend's fix use."""

from types import SimpleNamespace
from typing import Any

__version__ = "stub"


class _Threading:
    """tf.config.threading."""

    def __init__(self) -> None:
        self._within = self._between = 0

    def set_intra_op_parallelism_threads(self, threads: int) -> None:
        self._within = threads

    def set_inter_op_parallelism_threads(self, threads: int) -> None:
        self._between = threads

    def get_intra_op_parallelism_threads(self) -> int:
        return self._within

    def get_inter_op_parallelism_threads(self) -> int:
        return self._between


class IndexedSlices:
    """A class of which the double's gradients are never instances."""


def _no_gpus(kind: str) -> list[Any]:
    return []


config = SimpleNamespace(
    threading=_Threading(),
    list_physical_devices=_no_gpus,
    list_logical_devices=_no_gpus,
    experimental=SimpleNamespace(tensor_float_32_execution_enabled=lambda: True),
)
distribute = SimpleNamespace(get_strategy=lambda: SimpleNamespace(num_replicas_in_sync=1))
test = SimpleNamespace(experimental=SimpleNamespace(sync_devices=lambda: None))
sysconfig = SimpleNamespace(get_build_info=lambda: {})
