"""Which process a run belongs to, and whether that process is still alive."""

import functools
import os
import platform
from pathlib import Path

import psutil

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@functools.cache
def owner() -> str:
    """Return this process, as the tag of a run: host, boot of the machine, process id and start time of the process."""
    return f"{platform.node()} {_boot()} {os.getpid()} {psutil.Process().create_time():.2f}"


def _boot() -> str:
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else f"{psutil.boot_time():.0f}"


def is_gone(tag: str) -> bool:
    """Return whether the process that a tag names is known to have ended; another machine's never is."""
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
