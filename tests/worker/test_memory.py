import subprocess
import sys

from kerasbench.paths import PROJECT


def test_the_peak_is_the_processes_own_and_not_that_of_the_driver_that_forked_it() -> None:
    ballast = bytearray(300 * 1024 * 1024)
    ballast[::4096] = b"x" * len(ballast[::4096])
    code = "from kerasbench.worker.memory import peak_rss_mib; print(peak_rss_mib())"
    answer = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert 1 < float(answer.stdout) < 200
