"""Records what NVML answers about a machine's first GPU, four times a second, while a command runs.

python -m tests.recordings.record FILE COMMAND...
"""

import csv
import subprocess
import sys
import time

from kerasbench.machine.nvml import Nvml

_INTERVAL_SECONDS = 0.25


def main(path: str, *command: str) -> None:
    """Write a line per reading: seconds since the command's start, every figure, and the processes on the GPU."""
    with Nvml() as nvml, open(path, "w", newline="") as file:
        (gpu,) = nvml.gpus()[:1]
        file.write(f"# {gpu.name}, driver {gpu.driver}, {gpu.memory_mib} MiB: {' '.join(command)}\n")
        writer = csv.DictWriter(file, ["seconds", *nvml.sample()[0], "processes"])
        writer.writeheader()
        process, started = subprocess.Popen(command), time.time()
        while process.poll() is None:
            at = time.time() - started
            writer.writerow({"seconds": round(at, 3), **nvml.sample()[0], "processes": nvml.processes()[0]})
            time.sleep(_INTERVAL_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
