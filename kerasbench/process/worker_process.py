"""The driver's end of a worker: starts the process, sends the request, reads the events, ends it."""

import os
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kerasbench.config.schema import BackendConfig
from kerasbench.config.settings import Resolved
from kerasbench.paths import PROJECT
from kerasbench.process import children, events
from kerasbench.process.limits import Limits
from kerasbench.process.log import Log
from kerasbench.terminal.errors import RunFailed, UserError
from kerasbench.worker import protocol

# The only variables that a worker inherits: others may hold credentials or affect the measurements.
_INHERITED = (
    "PATH", "USER", "TMPDIR", "TZ",
    "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "NVIDIA_VISIBLE_DEVICES", "CUDA_HOME",
)  # fmt: skip
# The same for every worker. Python 3.6 has no UTF-8 mode and needs a UTF-8 locale.
_TEXT = {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8:backslashreplace"}
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_START = Path(protocol.__file__).with_name("start.py")
_GRACE_SECONDS = 5.0
_LOG_SECONDS = 2.0  # a process that left the worker's group may hold the log open
_KERNEL_COUNTERS = Path("/proc/vmstat")
_BLOCK, _LONGEST_EVENT = 1 << 16, 1 << 24  # bytes
NO_LIMITS = Limits()


class WorkerDied(RunFailed):
    """The worker ended without finishing."""


def variables(environment: Path, framework: str, threads: int, own: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of a worker: the inherited ones, threads, and the backend's own.

    HOME stays the user's if it is usable, because the user's code may read files there. The frameworks read their
    configuration files and caches from the backend's environment instead.
    """
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return (
        {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}  # so that CUDA numbers GPUs as nvidia-smi does
        | inherited
        | dict.fromkeys(_THREAD_VARIABLES, str(threads))
        | _TEXT
        | _home(environment / "home")
        | {
            "KERAS_BACKEND": framework,
            "KERAS_HOME": str(environment / "keras"),  # else ~/.keras/keras.json affects dtype and layout
            "PYTHONHASHSEED": "0",
            "PYTHONNOUSERSITE": "1",  # else packages in ~/.local are imported
            "PYTHONUNBUFFERED": "1",
        }
        | dict(own)
    )


def _home(private: Path) -> dict[str, str]:
    """Return HOME, and the variables that redirect the frameworks' files to a private folder."""
    home = os.environ.get("HOME", "")
    usable = os.path.isdir(home) and os.access(home, os.W_OK | os.X_OK)
    return {
        "HOME": home if usable else str(private),
        "XDG_CONFIG_HOME": str(private / "config"),
        "XDG_CACHE_HOME": str(private / "cache"),  # PyTorch's, among others
        "XDG_DATA_HOME": str(private / "data"),
        "MPLCONFIGDIR": str(private / "matplotlib"),
        "MXNET_HOME": str(private / "mxnet"),
        "CUDA_CACHE_PATH": str(private / "cuda"),  # else ~/.nv/ComputeCache, shared with other programs
        "THEANORC": os.devnull,  # else ~/.theanorc
    }


def start(
    environment: Path, backend: BackendConfig, settings: Resolved, log: Path, limits: Limits = NO_LIMITS
) -> "WorkerProcess":
    """Start a backend's worker in its environment, with the settings that apply at startup."""
    own = variables(environment, backend.framework, settings.threads, settings.variables)
    if backend.chosen:
        own = _with_libraries(own, environment, backend.chosen.libraries)
    return WorkerProcess(environment / "bin" / "python", own, log, limits)


def _with_libraries(own: dict[str, str], environment: Path, libraries: list[str]) -> dict[str, str]:
    """Add the folders of a build's libraries: a framework of its time does not find them in other packages."""
    found = [str(path) for one in libraries for path in sorted(environment.glob(f"lib/python3*/site-packages/{one}"))]
    earlier = own.get("LD_LIBRARY_PATH", "")
    return own | {"LD_LIBRARY_PATH": os.pathsep.join(filter(None, [*found, earlier]))} if found else own


class WorkerProcess:
    """A running worker; as a context manager, it leaves no process behind.

    Attributes:
        started_at: its start time, of the clock `protocol.now`.
    """

    def __init__(
        self, python: Path, environment_variables: Mapping[str, str], log: Path, limits: Limits = NO_LIMITS
    ) -> None:
        """Start a worker in its own process group; write its output to `log`."""
        self._log = Log(log)
        reading, writing = os.pipe()
        self._kills_before = _out_of_memory_kills()
        self.started_at = protocol.now()
        try:
            self._process = children.start(
                [python, _START, PROJECT, str(writing)],
                env=dict(environment_variables),
                stdin=subprocess.PIPE,
                stdout=self._log.descriptor,
                stderr=subprocess.STDOUT,
                pass_fds=(writing,),
            )
        except BaseException as error:
            os.close(reading)
            if isinstance(error, OSError):  # the file is there, but empty, cut off, or of another machine
                raise UserError(
                    f"{python} cannot be started: {error.strerror}; to make the environment again, delete "
                    f"{python.parent.parent}"
                ) from error
            raise
        finally:
            os.close(writing)
            os.close(self._log.descriptor)
        self._events, self._received = os.fdopen(reading, "rb", buffering=0), b""
        self._limits = limits
        self._poll = select.poll()
        self._poll.register(reading, select.POLLIN)

    @property
    def pid(self) -> int:
        """The process's id, which is also its group's."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def send(self, kind: str, **fields: Any) -> None:
        """Send a message. If the worker has died, `expect` raises the reason."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(protocol.encode(kind, **fields))
            self._process.stdin.flush()
        except BrokenPipeError:
            pass

    def expect(self, *kinds: str) -> dict[str, Any]:
        """Wait for the next event and return it; it may be of several kinds.

        Raises:
            WorkerDied: the worker failed, died, or sent an event of another kind.
        """
        for event in self._read(kinds[0]):
            if event["kind"] == protocol.FAILED:
                raise WorkerDied(event["reason"])
            if event["kind"] not in kinds:
                raise WorkerDied(f"the worker sent {event['kind']!r} where {' or '.join(kinds)} was expected")
            return event
        raise WorkerDied(self._cause_of_death())

    def _read(self, expected: str) -> Iterator[dict[str, Any]]:
        while line := self._next_line(expected):
            try:
                yield events.read(line)
            except ValueError as error:
                raise WorkerDied(f"the worker sent no valid event: {error}") from error

    def _next_line(self, expected: str) -> bytes:
        """Return the next line; empty at the end of the stream, even if the last line is incomplete."""
        asked = protocol.now()
        while b"\n" not in self._received:
            deadline, why = self._limits.deadline(expected, asked, self.started_at)
            if not self._poll.poll(max(0.0, 1000 * (deadline - protocol.now()))):
                raise WorkerDied(why)
            received = self._events.read(_BLOCK)
            if not received:
                return b""
            self._received += received
            if len(self._received) > _LONGEST_EVENT:
                raise WorkerDied(f"the worker sent an event of more than {_LONGEST_EVENT} bytes")
        line, _, self._received = self._received.partition(b"\n")
        return line + b"\n"

    def _cause_of_death(self) -> str:
        self._log.wait(_LOG_SECONDS)
        try:
            code = self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            return "the worker closed its event channel but is still running"
        if code < 0:
            names = {number.value: f" ({number.name})" for number in signal.Signals}  # real-time signals have no names
            memory = -code == signal.SIGKILL and _out_of_memory_kills() > self._kills_before
            why = ": the machine was out of memory (lower trainer.batch_size, or free memory)" if memory else ""
            return f"the worker was killed by signal {-code}{names.get(-code, '')}{why}"
        return f"the worker exited with code {code} before it had finished"

    def end(self) -> None:
        """End the worker and its children: at once if it has exited, else by SIGTERM, then SIGKILL."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        children.end(self._process, _GRACE_SECONDS)
        self._log.wait(_LOG_SECONDS)
        self._events.close()


def _out_of_memory_kills() -> int:
    """Return how many processes of this machine the kernel has killed for want of memory; 0 if it does not tell."""
    try:
        counters = dict(line.split() for line in _KERNEL_COUNTERS.read_text().splitlines())
        return int(counters["oom_kill"])
    except (OSError, KeyError, ValueError):
        return 0
