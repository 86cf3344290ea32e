"""All GPUs that a worker can see, whoever made them."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from kerasbench.machine.amd import Amd
from kerasbench.machine.nvml import Gpu, Nvml


class Gpus:
    """NVIDIA's GPUs and then AMD's, read inside a `with` block."""

    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        """Read only the GPUs that a worker with these environment variables can see."""
        self._makers = (Nvml(variables), Amd(variables))
        self._open = ExitStack()

    def __enter__(self) -> Self:
        for maker in self._makers:
            self._open.enter_context(maker)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def gpus(self) -> list[Gpu]:
        """Return a description of each GPU."""
        return [gpu for maker in self._makers for gpu in maker.gpus()]

    def processes(self) -> list[int]:
        """Return the number of compute processes on each GPU; 0 where it is not known."""
        return [count for maker in self._makers for count in maker.processes()]

    def sample(self) -> list[dict[str, float]]:
        """Return each GPU's current readings by their names."""
        return [readings for maker in self._makers for readings in maker.sample()]
