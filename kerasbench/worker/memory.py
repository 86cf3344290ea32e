"""The peak memory of this process."""

import os
import resource


def peak_rss_mib() -> float:
    """Return the peak resident memory of this process.

    It is read from /proc where possible: `ru_maxrss` starts at the memory of the process that forked this one, the
    driver, and many workers never use that much.
    """
    status = "/proc/self/status"
    if os.path.exists(status):
        with open(status, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) / 1024.0  # in KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024.0 * 1024.0)  # on macOS, in bytes
