"""Goes through the configurations of a large sweep, each of which takes Hydra a seventh of a second to compose."""

import gc
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from kerasbench.terminal import progress

_FEW = 20  # need no garbage collection between them: composing leaves behind more than a MiB each time
_SILENT_SECONDS = 5.0  # between two lines of progress

_Overrides = TypeVar("_Overrides")


def one_by_one(all_overrides: Sequence[_Overrides]) -> Iterator[_Overrides]:
    """Yield the overrides of each configuration; of many, show how many are checked, and free what each leaves behind.

    Args:
        all_overrides: of each configuration; the caller composes and checks it before it takes the next.
    """
    if len(all_overrides) <= _FEW:
        yield from all_overrides
        return
    gc.collect()  # what has been imported becomes old, and is not visited again before the end
    said, say = time.perf_counter(), None
    for number, overrides in enumerate(all_overrides):
        if number and number % _FEW == 0:
            gc.collect(1)
            if time.perf_counter() - said > _SILENT_SECONDS:
                say = say or progress.current().announcing("sweep")
                say(f"{number} of {len(all_overrides)} configurations are checked")
                said = time.perf_counter()
        yield overrides
    gc.collect()
    if say:
        say.end()
