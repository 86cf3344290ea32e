"""Disables Python's garbage collection while it costs more than it frees."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def collected_later() -> Iterator[None]:
    """Disable garbage collection until `collect_again`, and skip the last collection at the end of the process.

    Importing MLflow creates hundreds of thousands of permanent objects. Each collection visits all of them; the last
    one takes a second.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()


def collect_again() -> None:
    """Enable garbage collection again, for objects created from now on; call it after all imports.

    Later calls do nothing: what a job of a sweep leaves behind would be kept for good, almost a MiB of configuration.
    """
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
