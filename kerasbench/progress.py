"""What the user sees while the tool works: one line for each thing that is done."""

import sys
import time
from collections.abc import Callable

from rich.console import Console

_PLAIN_WIDTH = 140  # columns of a table where the output is no terminal


def console() -> Console:
    """Return where to print: the terminal, or plain lines that are not cut at 80 columns."""
    return Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False)


Announce = Callable[[str], None]


def announcing(console: Console, subject: str) -> Announce:
    """Return a function that prints what is being done to `subject`, and how long it has been at it."""
    started = time.perf_counter()

    def announce(what: str) -> None:
        elapsed = time.perf_counter() - started
        console.print(f"[bold]{subject}[/] [dim]{elapsed:5.1f} s[/]  {what}", soft_wrap=True)

    return announce
