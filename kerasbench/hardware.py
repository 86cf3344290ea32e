"""What machine this is, in the words of the tags."""

import hashlib
import os
import platform
from pathlib import Path

import psutil

from kerasbench.nvml import Gpu


def physical_cores() -> int:
    """Return the number of cores that this process may use, two threads of one core counted once."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(psutil.cpu_count(logical=False) or usable, usable)


def cpu_name() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def tags(gpus: list[Gpu]) -> dict[str, str]:
    """Return the hardware tags: names, sizes, and a fingerprint that is equal on equal machines."""
    described = {
        "hardware.cpu": cpu_name(),
        "hardware.cores": str(physical_cores()),
        "hardware.memory_gib": str(round(psutil.virtual_memory().total / 1024**3)),
        "hardware.gpu": ", ".join(gpu.name for gpu in gpus) or "none",
    }
    if gpus:
        described["hardware.gpu_driver"] = gpus[0].driver
        described["hardware.gpu_memory_mib"] = ", ".join(str(gpu.memory_mib) for gpu in gpus)
    content = "|".join(f"{key}={value}" for key, value in sorted(described.items()))
    fingerprint = hashlib.sha256(content.encode()).hexdigest()[:12]
    return described | {"hardware.fingerprint": fingerprint, "hardware.cpu_governor": _governor()}


def _governor() -> str:
    """Return the kernel's policy for the first core's clock; `unknown` where it tells none, as in virtual machines."""
    policy = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return policy.read_text().strip() if policy.exists() else "unknown"
