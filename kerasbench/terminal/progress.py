"""Shows progress: a live display on a terminal, elsewhere one plain line per step."""

import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from kerasbench.terminal.time_left import TimeLeft, in_words

_PLAIN_WIDTH = 140  # columns of a table if the output is not a terminal

Announce = Callable[[str], None]


def console() -> Console:
    """Return a console for the terminal, or for plain lines that are not wrapped at 80 columns."""
    return Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False)


class Progress:
    """Shows the jobs of one command. It runs only in the driver, so it costs the workers nothing."""

    def __init__(self, jobs: int = 1, quiet: bool = False) -> None:
        """Start showing a number of jobs; if quiet, only warnings and errors."""
        self.console = console()
        self._jobs = jobs
        self._done = 0
        self._quiet = quiet
        self._left = TimeLeft(jobs)
        self._shown: list[TaskID] = []
        self._bars = self._display() if self.console.is_terminal and not quiet else None

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
        """Whether a terminal shows the steps, each replacing the previous one."""
        return self._bars is not None

    def announcing(self, subject: str, beside: bool = False) -> "Teller":
        """Return a function that shows the steps of a job or of another long operation.

        Args:
            subject: its name.
            beside: keep showing the previous subjects, which run at the same time.
        """
        task = None
        if self._bars:
            for old in [] if beside else self._shown:
                self._bars.remove_task(old)
            task = self._bars.add_task(f"[bold]{escape(subject)}", total=None, note="")
            self._shown = [*(self._shown if beside else []), task]
            self._show_place()
        return Teller(self, escape(subject), task)

    def job_begins(self) -> None:
        """Record the start of a job; installations come before the first one and are not counted."""
        self._left.job_begins(time.perf_counter())
        self._show_place()

    def job_ended(self) -> None:
        """Count a job as done."""
        self._done += 1
        self._left.job_ends(time.perf_counter())
        self._show_place()

    def expect(self, jobs: int) -> None:
        """Show another number of jobs in all, because some are run again."""
        self._jobs = jobs
        self._left.expect(jobs)
        if self._bars:
            self._bars.update(self._sweep, total=jobs)

    def _show_place(self) -> None:
        if self._bars:
            place = f"job {min(self._done + 1, self._jobs)} of {self._jobs}" if self._left.begun else "preparing"
            self._bars.update(self._sweep, description=place, completed=self._done, note=self._time_left())

    def _time_left(self) -> str:
        return in_words(self._left.seconds(time.perf_counter()))

    def lasting(self, line: str) -> None:
        """Print a line that stays."""
        self.console.print(line, soft_wrap=True)

    def step(self, teller: "Teller", what: str, epoch: tuple[int, int] | None) -> None:
        """Show a step of one subject; `epoch` is (epochs done, total) while it trains."""
        if epoch:
            self._left.epoch_ends(time.perf_counter(), *epoch)
        if self._quiet:
            return
        if self._bars is None:
            number = f"[dim]{self._done + 1}/{self._jobs}[/] " if self._jobs > 1 and self._left.begun else ""
            left = self._time_left() if epoch else ""
            end = f"  [dim]{left}[/]" if left else ""
            self.lasting(f"{number}[bold]{teller.subject}[/] [dim]{teller.elapsed:5.1f} s[/]  {what}{end}")
        elif teller.task in self._shown:
            done, total = epoch or (None, None)
            self._bars.update(teller.task, note=what, completed=done, total=total)
            self._show_place()

    def forget(self, teller: "Teller") -> None:
        """Stop showing a subject on a terminal."""
        if self._bars and teller.task in self._shown:
            self._shown.remove(teller.task)
            self._bars.remove_task(teller.task)

    def ended(self, subject: str, what: str, lasting: bool = False) -> None:
        """Print how a job ended that another process has run; if quiet, only what is `lasting`. Both are markup."""
        if lasting or not self._quiet:
            self.lasting(f"[dim]{self._done}/{self._jobs}[/] [bold]{subject}[/]  {what}")

    def stop(self) -> None:
        """Stop the live display."""
        if self._bars:
            self._bars.stop()


class Teller:
    """Shows the steps of one subject, and the time since it began.

    Attributes:
        subject: as markup.
        task: its line on a terminal.
    """

    def __init__(self, progress: Progress, subject: str, task: TaskID | None) -> None:
        self.subject = subject
        self.task = task
        self._progress = progress
        self._started = time.perf_counter()

    @property
    def elapsed(self) -> float:
        """The seconds since it began."""
        return time.perf_counter() - self._started

    def __call__(self, what: str, epoch: tuple[int, int] | None = None) -> None:
        """Show a step; `epoch` is (epochs done, total) while it trains."""
        self._progress.step(self, what, epoch)

    def warn(self, what: str, style: str = "yellow") -> None:
        """Print a warning that stays."""
        self._progress.lasting(f"[bold]{self.subject}[/]  [{style}]{escape(what)}")

    def end(self) -> None:
        """Stop showing the subject."""
        self._progress.forget(self)

    def done(self, what: str) -> None:
        """Print a line with the result, if the steps do not stay visible."""
        if self._progress.live:
            self._progress.lasting(f"[bold]{self.subject}[/]  {what}")


_current: Progress | None = None


def begin(jobs: int, quiet: bool) -> Progress:
    """Start showing a command's jobs, whose number may have changed since an earlier call."""
    global _current
    if _current:
        _current.stop()
    _current = Progress(jobs, quiet)
    return _current


def current(quiet: bool = False) -> Progress:
    """Return this process's display; create one if `begin` was not called, as in a launcher's other processes."""
    return _current or begin(1, quiet)


def has_begun() -> bool:
    """Return whether this process shows jobs."""
    return _current is not None
