"""How a `fit` that raised is noticed: Keras calls no callback then."""

import atexit
import sys
from collections.abc import Callable
from typing import Any

# Called with the error that ended `fit`, if it is known.
Ended = Callable[[BaseException | None], None]


class Watch:
    """Calls a function when the process ends, or the notebook's cell, before `stop`."""

    def __init__(self, ended: Ended) -> None:
        """Begin."""
        self._ended = ended
        notebook = sys.modules.get("IPython")
        self._events: Any = shell.events if notebook and (shell := notebook.get_ipython()) else None
        if self._events:
            self._events.register("post_run_cell", self._after_cell)
        atexit.register(self._at_exit)

    def stop(self) -> None:
        """Watch no longer."""
        atexit.unregister(self._at_exit)
        if self._events:
            self._events.unregister("post_run_cell", self._after_cell)

    def _after_cell(self, result: Any) -> None:
        if error := result.error_in_exec:
            self._ended(error)

    def _at_exit(self) -> None:
        # An error that nobody caught; Python keeps it before it calls what was registered.
        self._ended(getattr(sys, "last_exc", None) or getattr(sys, "last_value", None))
