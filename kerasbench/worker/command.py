"""The worker's main program: it performs one task on the backend that KERAS_BACKEND names.

It imports Keras before it reads the request, so that the slow import runs while the driver prepares the data.
"""

import importlib
import os
import platform
import sys
import threading
import traceback
from typing import Any, BinaryIO, Dict

from kerasbench.worker import protocol
from kerasbench.worker.error_line import one_line


def description(started_at: float, import_seconds: float) -> Dict[str, Any]:
    """Return the versions in use, when the interpreter had started, and how long the imports took."""
    import keras

    framework = importlib.import_module(os.environ["KERAS_BACKEND"])
    return {
        "keras_version": keras.__version__,
        "keras_backend": keras.backend.backend(),
        "backend_version": framework.__version__,
        "python_version": platform.python_version(),
        "started_at": started_at,
        "import_seconds": import_seconds,
    }


def listen(driver: BinaryIO, go: threading.Event) -> None:
    """Set `go` when the driver sends GO; exit at once when the pipe closes, because the driver has ended."""

    def wait() -> None:
        for _ in driver:  # after the request, the driver sends only GO
            go.set()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def do(request: Dict[str, Any], channel: protocol.Channel) -> None:
    """Perform the requested task. The tasks are imported here because they import Keras."""
    from kerasbench.worker import kernels, parity, script, training

    tasks = {
        protocol.TRAIN: training.train,
        protocol.PARITY: parity.losses,
        protocol.OUTPUTS: parity.outputs,
        protocol.WEIGHTS: parity.initial_weights,
        protocol.KERNELS: kernels.prove,
    }
    of_a_script = {protocol.TRAIN: script.train, protocol.WEIGHTS: script.initial_weights}
    (of_a_script if "script" in request else tasks)[request["kind"]](request, channel)


def main(descriptor: int) -> int:
    """Announce the framework, read the request and perform it. Without a request, stop after the announcement.

    Args:
        descriptor: file descriptor of the pipe for events.
    """
    os.set_inheritable(descriptor, False)
    channel = protocol.Channel(os.fdopen(descriptor, "wb"))
    try:
        started_at = protocol.now()
        importlib.import_module("keras")
        importlib.import_module(os.environ["KERAS_BACKEND"])
        channel.send(protocol.READY, **description(started_at, protocol.now() - started_at))
        ready_at = protocol.now()
        line = sys.stdin.buffer.readline()
        channel.idle_seconds = protocol.now() - ready_at
        if line:
            listen(sys.stdin.buffer, channel.go)
            do(protocol.decode(line), channel)
    except SystemExit as ended:
        traceback.print_exc()
        reason = "sys.exit({!r}) was called before the worker had finished".format(ended.code)
        channel.send(protocol.FAILED, reason=reason)
        return 1
    except Exception as error:
        traceback.print_exc()
        channel.send(protocol.FAILED, reason=one_line(error))
        return 1
    return 0
