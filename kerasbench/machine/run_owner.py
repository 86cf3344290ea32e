"""Identifies the process that owns a run, and checks whether it is still alive."""

import functools
import os
import platform
from pathlib import Path

import psutil

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@functools.cache
def owner() -> str:
    """Return this process's identity as a run's tag: host, boot id, process id and start time."""
    return f"{platform.node()} {_boot()} {os.getpid()} {psutil.Process().create_time():.2f}"


def _boot() -> str:
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else f"{psutil.boot_time():.0f}"


def is_gone(tag: str) -> bool:
    """Return whether the process that a tag names has ended; False if unknown, as on another machine."""
    try:
        host, boot, pid, started = tag.split(" ")
        if host != platform.node():
            return False
        if boot != _boot():
            return True
        return abs(psutil.Process(int(pid)).create_time() - float(started)) > 1
    except psutil.NoSuchProcess:
        return True
    except (ValueError, psutil.Error):
        return False
