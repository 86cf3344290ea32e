"""Describes the machine's hardware as tags."""

import hashlib
import math
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

from kerasbench.machine.nvml import Gpu
from kerasbench.vocabulary import Tag

_CPU_INFO = Path("/proc/cpuinfo")
_CPUS = Path("/sys/devices/system/cpu")


def this_platform() -> str:
    """Return the operating system and the processor's architecture: linux-x86_64, linux-aarch64, darwin-arm64."""
    return f"{sys.platform}-{platform.machine()}"


def physical_cores() -> int:
    """Return the number of physical cores that this process may use, at least 1.

    A container's CPU quota, which the affinity mask does not show, is a limit, too; it is rounded down to whole cores.
    """
    return max(1, math.floor(min(len(cores()), share())))


def cores() -> list[tuple[int, ...]]:
    """Return the logical processors of each physical core that this process may use; of some systems, only numbers."""
    if not hasattr(os, "sched_getaffinity"):
        return [(number,) for number in range(psutil.cpu_count(logical=False) or os.cpu_count() or 1)]
    found: dict[str, list[int]] = {}
    for cpu in sorted(os.sched_getaffinity(0)):
        found.setdefault(_core(cpu), []).append(cpu)
    return [tuple(cpus) for cpus in found.values()]


def bound() -> frozenset[int] | None:
    """Return the logical processors that this process is bound to; None if it may use all of the machine's."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    cpus = frozenset(os.sched_getaffinity(0))
    return cpus if len(cpus) < (os.cpu_count() or 1) else None


def _core(cpu: int) -> str:
    """Return an identifier of a logical processor's core."""
    siblings = _CPUS / f"cpu{cpu}" / "topology" / "thread_siblings_list"
    return siblings.read_text(encoding="utf-8").strip() if siblings.exists() else str(cpu)


def share(cgroups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> float:
    """Return the CPU quota of this process' control groups, in processors; infinite if there is none.

    A container sees its own group as the root. systemd and batch schedulers use nested groups, each of which is a
    limit (Linux, cgroups(7)).
    """
    limits = [math.inf]
    for line in own.read_text(encoding="utf-8").splitlines() if own.exists() else []:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = cgroups / "cpu" if controllers else cgroups  # version 2 names no controller
        group = root / path.strip("/")
        limits += [_limit(folder) for folder in (group, *group.parents) if folder.is_relative_to(root)]
    return min(limits)


def _limit(group: Path) -> float:
    try:
        if (group / "cpu.max").exists():  # version 2
            quota, period = (group / "cpu.max").read_text(encoding="utf-8").split()
        else:
            quota, period = ((group / f"cpu.cfs_{what}_us").read_text(encoding="utf-8") for what in ("quota", "period"))
        return math.inf if quota == "max" or int(quota) < 0 else int(quota) / int(period)
    except (OSError, ValueError):
        return math.inf


def cpu_name() -> str:
    """Return the processor's name."""
    lines = _CPU_INFO.read_text(encoding="utf-8").splitlines() if _CPU_INFO.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    # Linux on ARM gives only numbers, but lscpu knows the names; macOS calls every chip "arm".
    found = names[:1] or [_told("sysctl", "-n", "machdep.cpu.brand_string"), _lscpu()]
    return next(filter(None, found), "") or platform.processor() or platform.machine()


def _lscpu() -> str:
    lines = _told("lscpu").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("Model name:")), "")


def _told(*command: str) -> str:
    """Return a program's output; empty if it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | {"LC_ALL": "C"})
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def tags(gpus: Sequence[Gpu], cores: int | None = None) -> dict[str, str]:
    """Return the hardware tags: names, sizes, and a fingerprint that is equal on equal machines.

    Args:
        gpus: those that the run may use.
        cores: the number of physical cores that it may use; None: as many as this process.
    """
    described = {
        Tag.CPU: cpu_name(),
        Tag.CORES: str(cores or physical_cores()),
        Tag.HARDWARE + "memory_gib": str(round(psutil.virtual_memory().total / 1024**3)),
        Tag.GPU: ", ".join(gpu.name for gpu in gpus) or "none",
    }
    if gpus:
        described[Tag.GPU + "_driver"] = gpus[0].driver
        described[Tag.GPU + "_memory_mib"] = ", ".join(str(gpu.memory_mib) for gpu in gpus)
    content = "|".join(f"{key}={value}" for key, value in sorted(described.items()))
    fingerprint = hashlib.sha256(content.encode()).hexdigest()[:12]
    return described | {Tag.FINGERPRINT: fingerprint, Tag.CPU + "_governor": _governor()} | _state(gpus)


def _state(gpus: Sequence[Gpu]) -> dict[str, str]:
    """Return how the GPUs are set, by tag; no part of the fingerprint, because it is not what the machine is."""
    names = dict.fromkeys(name for gpu in gpus for name in gpu.state)
    return {f"{Tag.GPU}_{name}": ", ".join(gpu.state.get(name, "unknown") for gpu in gpus) for name in names}


def _governor() -> str:
    """Return the frequency governor of the first core; `unknown` if there is none, as in virtual machines."""
    policy = _CPUS / "cpu0" / "cpufreq" / "scaling_governor"
    return policy.read_text(encoding="utf-8").strip() if policy.exists() else "unknown"
