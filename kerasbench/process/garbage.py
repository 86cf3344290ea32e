"""Python's garbage collection, where it costs more than it frees."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Search for no garbage until it is enabled again, nor for a last time at the end of the process.

    MLflow imports hundreds of thousands of objects that stay. Each search goes through all of them; the last takes a
    second.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
