"""Simulates NVML, because a test machine may have no GPU."""

from collections.abc import Callable, Sequence
from typing import Any

import pynvml
import pytest

from kerasbench.config import builds


def unsupported(*arguments: Any, **options: Any) -> None:
    """Raise NVML's error for a value that a GPU does not report."""
    raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)


def play_nvml(monkeypatch: pytest.MonkeyPatch, names: Sequence[str], answers: dict[str, Callable[..., Any]]) -> None:
    """Make NVML report some GPUs, with their numbers as handles; other queries are not supported."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    asked = builds._facts_here
    monkeypatch.setattr(builds, "_facts_here", getattr(asked, "__wrapped__", asked))  # not kept for other tests
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
