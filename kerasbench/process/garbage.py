"""Python's garbage collection, where it costs more than it frees."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def collected_later() -> Iterator[None]:
    """Disable garbage collection until `collect_again`, and skip the last collection at the end of the process.

    MLflow imports hundreds of thousands of objects that stay. Each collection visits all of them; the last one takes a
    second.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()


def collect_again() -> None:
    """Enable garbage collection once everything is imported: it ignores what exists now."""
    gc.freeze()
    gc.enable()
