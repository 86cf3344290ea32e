"""What the user sees while the tool works: a live display on a terminal, a plain line for each step elsewhere."""

import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

_PLAIN_WIDTH = 140  # columns of a table where the output is no terminal

Announce = Callable[[str], None]


def console() -> Console:
    """Return where to print: the terminal, or plain lines that are not cut at 80 columns."""
    return Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False)


class Progress:
    """Tells of the jobs of one command. It runs in the driver alone, so that it costs the workers nothing."""

    def __init__(self, jobs: int = 1, quiet: bool = False) -> None:
        """Tell of so many jobs; if quiet, of nothing but what went wrong."""
        self.console = console()
        self._jobs = jobs
        self._done = 0
        self._quiet = quiet
        self._started: float | None = None
        self._bars = self._display() if self.console.is_terminal and not quiet else None
        self._job: TaskID | None = None

    def _display(self) -> Bars:
        columns = (
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
        )  # fmt: skip
        bars = Bars(*columns, console=self.console, transient=True, refresh_per_second=4)
        self._sweep = bars.add_task("", total=self._jobs, note="", visible=self._jobs > 1)
        bars.start()
        return bars

    @property
    def live(self) -> bool:
        """Whether steps are shown on a terminal, one in place of the other."""
        return self._bars is not None

    def announcing(self, subject: str) -> "Teller":
        """Return what tells of the next job, or of another thing that is being done."""
        if self._bars:
            if self._job is not None:
                self._bars.remove_task(self._job)
            self._job = self._bars.add_task(f"[bold]{escape(subject)}", total=None, note="")
            self._bars.update(self._sweep, description=f"job {self._done + 1} of {self._jobs}", note=self._left())
        return Teller(self, escape(subject))

    def job_begins(self) -> None:
        """Count the time that jobs take from the first on, installations before it left out."""
        self._started = self._started or time.perf_counter()

    def _left(self) -> str:
        if not self._done or self._started is None:
            return ""
        minutes = (time.perf_counter() - self._started) / self._done * (self._jobs - self._done) / 60
        return f"about {minutes:.0f} min left" if minutes >= 1 else "less than a minute left"

    def job_ended(self) -> None:
        """Count a job as done."""
        self._done += 1
        if self._bars:
            self._bars.update(self._sweep, completed=self._done, note=self._left())

    def lasting(self, line: str) -> None:
        """Print a line that stays."""
        self.console.print(line, soft_wrap=True)

    def step(self, subject: str, elapsed: float, what: str, epoch: tuple[int, int] | None) -> None:
        """Show what is being done to a subject, `epoch` of how many being done."""
        if self._quiet:
            return
        if self._bars is None:
            number = f"[dim]{self._done + 1}/{self._jobs}[/] " if self._jobs > 1 else ""
            self.lasting(f"{number}[bold]{subject}[/] [dim]{elapsed:5.1f} s[/]  {what}")
        elif self._job is not None:
            done, total = epoch or (None, None)
            self._bars.update(self._job, note=what, completed=done, total=total)

    def stop(self) -> None:
        """Give the terminal back."""
        if self._bars:
            self._bars.stop()


class Teller:
    """Tells what is being done to one subject, and how long it has been at it."""

    def __init__(self, progress: Progress, subject: str) -> None:
        self._progress = progress
        self._subject = subject
        self._started = time.perf_counter()

    def __call__(self, what: str, epoch: tuple[int, int] | None = None) -> None:
        """Show a step; of training, with the epoch and their number."""
        self._progress.step(self._subject, time.perf_counter() - self._started, what, epoch)

    def warn(self, what: str, style: str = "yellow") -> None:
        """Print what must not be missed."""
        self._progress.lasting(f"[bold]{self._subject}[/]  [{style}]{escape(what)}")

    def done(self, what: str) -> None:
        """Keep a line of what has come out, where the steps do not stay."""
        if self._progress.live:
            self._progress.lasting(f"[bold]{self._subject}[/]  {what}")


_current: Progress | None = None


def begin(jobs: int, quiet: bool) -> Progress:
    """Start to tell of a command's jobs."""
    global _current
    _current = Progress(jobs, quiet)
    return _current


def current(quiet: bool = False) -> Progress:
    """Return this process's display; in a launcher's other process, where `begin` was not called, plain lines."""
    return _current or begin(1, quiet)
