"""NVML's answers, played: a test's machine may have no GPU."""

from collections.abc import Callable, Sequence
from typing import Any

import pynvml
import pytest


def unsupported(*arguments: Any, **options: Any) -> None:
    """Answer as NVML does to what a GPU does not tell."""
    raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)


def play_nvml(monkeypatch: pytest.MonkeyPatch, names: Sequence[str], answers: dict[str, Callable[..., Any]]) -> None:
    """Let NVML know some GPUs, whose handles are their numbers, and answer about them; all else is not supported."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    queries = dict.fromkeys((name for name in dir(pynvml) if name.startswith("nvmlDeviceGet")), unsupported)
    known = {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlSystemGetDriverVersion": lambda: "535.1",
        "nvmlDeviceGetCount": lambda: len(names),
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetName": names.__getitem__,
    }
    for name, answer in {**queries, **known, **answers}.items():
        monkeypatch.setattr(pynvml, name, answer)
