"""The memory of this process."""

import os
import resource
from typing import Optional

_STATUS = "/proc/self/status"


def peak_rss_mib() -> float:
    """Return the peak resident memory of this process.

    It is read from /proc where possible: `ru_maxrss` starts at the memory of the process that forked this one, the
    driver, and many workers never use that much.
    """
    peak = _from_status("VmHWM:")
    if peak is not None:
        return peak
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024.0 * 1024.0)  # on macOS, in bytes


def rss_mib() -> Optional[float]:
    """Return the resident memory of this process now; None where there is no /proc."""
    return _from_status("VmRSS:")


def _from_status(name: str) -> Optional[float]:
    if os.path.exists(_STATUS):
        with open(_STATUS, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith(name):
                    return int(line.split()[1]) / 1024.0  # in KiB
    return None
