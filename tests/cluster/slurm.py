"""A real Slurm on this machine: Debian's munged, slurmctld and slurmd, with all their files in one folder."""

import contextlib
import os
import platform
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel")
_CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
KillWait=30
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class Slurm:
    """A running cluster of one node.

    Attributes:
        variables: the environment variables by which Slurm's commands find it.
    """

    def __init__(self, folder: Path) -> None:
        """Name its folder."""
        self._folder = folder
        self.variables: Mapping[str, str] = {"SLURM_CONF": str(folder / "slurm.conf")}

    def __call__(self, *command: str) -> str:
        """Run one of Slurm's commands, and return its output."""
        done = subprocess.run(
            command, env=os.environ | self.variables, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout

    def logs(self) -> str:
        """Return what its daemons have written."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("*.log")))


@contextlib.contextmanager
def running() -> Iterator[Slurm]:
    """Start a cluster, wait until its node is idle, and end it with the block."""
    missing = [program for program in _PROGRAMS if not _found(program)]
    assert not missing, f"install Debian's slurmctld, slurmd, slurm-client and munge: {missing}"
    assert os.geteuid() == 0, "slurmd starts jobs as their users: it needs root"
    folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))  # a socket's path is short
    folder.chmod(0o755)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "munge.key").write_bytes(secrets.token_bytes(1024))
    (folder / "munge.key").chmod(0o400)
    controller, node = _free_ports()
    (folder / "slurm.conf").write_text(
        _CONFIGURATION.format(
            host=platform.node(), folder=folder, controller=controller, node=node, cpus=len(os.sched_getaffinity(0))
        )
    )
    cluster = Slurm(folder)
    files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    munge = [f"--{option}={folder}/munge.{suffix}" for option, suffix in files.items()]
    commands = [
        ["munged", "--foreground", "--force", *munge],
        ["slurmctld", "-D", "-c"],
        ["slurmd", "-D", "-N", platform.node()],
    ]
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            with (folder / f"{command[0]}.out.log").open("wb") as log:
                daemons.append(
                    subprocess.Popen(
                        [str(_found(command[0])), *command[1:]],
                        env=os.environ | cluster.variables, stdout=log, stderr=log, start_new_session=True,
                    )
                )  # fmt: skip
            if command[0] == "munged":
                _await(lambda: (folder / "munge.socket").exists(), cluster)
        _await(lambda: "idle" in _state(cluster), cluster)
        yield cluster
    finally:
        with contextlib.suppress(subprocess.SubprocessError, OSError):
            cluster("scancel", "--partition=main")
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _found(program: str) -> str | None:
    return shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))


def _free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


def _state(cluster: Slurm) -> str:
    try:
        return cluster("sinfo", "--noheader", "--format=%t")
    except subprocess.SubprocessError:
        return ""


def _await(ready: Callable[[], bool], cluster: Slurm) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline, cluster.logs()
        time.sleep(0.2)
