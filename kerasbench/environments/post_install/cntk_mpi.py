"""Gives CNTK 2.7 the two OpenMPI libraries that it loads and, training in one process, never calls.

CNTK's libraries want libmpi.so.12 and libmpi_cxx.so.1, OpenMPI 1.10's, which no current system has. cntk_mpi.c defines
the symbols they leave undefined. The library goes into cntk/libs, which is on their RUNPATH: neither root nor
LD_LIBRARY_PATH is needed.
"""

import shutil
import subprocess
from pathlib import Path

from kerasbench.terminal.errors import UserError

SOURCE = Path(__file__).with_suffix(".c")
LIBRARIES = ("libmpi.so.12", "libmpi_cxx.so.1")


def apply(environment: Path) -> None:
    """Compile the library into the environment.

    Raises:
        UserError: there is no C compiler, or it fails.
    """
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        raise UserError("cntk needs a C compiler (cc, gcc or clang) on the PATH, and none was found. Install gcc.")
    (folder,) = environment.glob("lib/python*/site-packages/cntk/libs")
    for name in LIBRARIES:
        flags = ["-shared", "-fPIC", "-O1", f"-Wl,-soname,{name}"]
        command = [compiler, *flags, "-o", str(folder / name), str(SOURCE)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UserError(f"cntk: {compiler} could not compile {SOURCE}: {done.stderr.strip().splitlines()[-1]}")
