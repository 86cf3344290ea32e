"""How much memory this process has held."""

import os
import resource


def peak_rss_mib() -> float:
    """Return the most memory that this process has held.

    From the kernel's own record of this program where there is one: `ru_maxrss` starts at what the process held that
    forked this one, the driver, and many a worker never comes near that.
    """
    status = "/proc/self/status"
    if os.path.exists(status):
        with open(status, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) / 1024.0  # given in KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024.0 * 1024.0)  # on macOS, in bytes
