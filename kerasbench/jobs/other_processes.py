"""The jobs of a sweep that run in other processes, seen from the command: their progress, and those that died."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

from hydra.core.config_loader import ConfigLoader
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig
from rich.markup import escape

from kerasbench.jobs import objective
from kerasbench.jobs.place import killed, outcome_file, variant
from kerasbench.tasks.outcome import Outcome
from kerasbench.terminal import progress

_LOOK_SECONDS = 1.0
_COLOURS = {"FINISHED": "green", "FAILED": "red", "KILLED": "red"}


class Jobs:
    """The jobs of one batch.

    They tell how they are by their outcome files, which are the same wherever they run.
    """

    def __init__(self, master: DictConfig, loader: ConfigLoader, jobs: Sequence[Sequence[str]], first: int) -> None:
        """Name them.

        Args:
            master: the sweep's configuration.
            loader: composes a job's configuration.
            jobs: the overrides of each.
            first: the number of the first.
        """
        self._master, self._loader = master, loader
        self.overrides = {number: list(job) for number, job in enumerate(jobs, first)}
        self._shown: set[int] = set()

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show, inside the block, each job as it ends."""
        ended = threading.Event()
        progress.current().job_begins()
        thread = threading.Thread(target=self._watch, args=(ended,), name="jobs", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _watch(self, ended: threading.Event) -> None:
        while not ended.wait(_LOOK_SECONDS):
            self._show()
        self._show()

    def _show(self) -> None:
        refresh(self._file(0).parent)
        for number in sorted(self.overrides.keys() - self._shown):
            outcome = self._outcome(number)
            if outcome and outcome.status != "KILLED":  # as it is saved before the job begins
                self._tell(number, outcome)

    def _tell(self, number: int, outcome: Outcome) -> None:
        self._shown.add(number)
        progress.current().job_ended()
        named = f"{outcome.competitor} · {outcome.model} · seed {outcome.seed}"
        progress.current().ended(escape(named), _result(outcome), lasting=outcome.status != "FINISHED")

    def _outcome(self, number: int) -> Outcome | None:
        """Return a job's outcome so far; None if it has not begun."""
        file = self._file(number)
        return Outcome.load(file) if file.exists() else None

    def _file(self, number: int) -> Path:
        return outcome_file(self._master.hydra.sweep.dir, self._master.sweep.id, number)

    def returned(self, number: int, why: Callable[[], str]) -> JobReturn:
        """Return what Hydra's sweepers get from a job, by its outcome.

        Args:
            number: the job.
            why: called if it died: returns the reason in one line.
        """
        refresh(self._file(0).parent)
        outcome = self._outcome(number) or self._without_beginning(number)
        if outcome.status == "KILLED" and number not in self._shown:
            outcome.failure = outcome.failure or why()
            outcome.save(self._file(number))
            self._tell(number, outcome)
        returned = JobReturn(overrides=self.overrides[number])
        returned.return_value = objective.value(outcome, self._master.objective, self._master.hydra.sweeper)
        returned.status = JobStatus.COMPLETED
        return returned

    def _without_beginning(self, number: int) -> Outcome:
        composed = self._loader.load_sweep_config(self._master, self.overrides[number])
        varied = variant(self.overrides[number], composed.sweep.varied, composed.settings.devices)
        return killed(composed, varied)


def refresh(folder: Path) -> None:
    """Have the next look into a folder see what another machine has just written there.

    An NFS client knows a folder's content for up to a minute (nfs(5), acdirmax); a change of its attributes ends that.
    """
    with contextlib.suppress(OSError):
        folder.chmod(folder.stat().st_mode)


def _result(outcome: Outcome) -> str:
    told = [f"[{_COLOURS[outcome.status]}]{outcome.status}[/]"]
    if outcome.epoch_seconds:
        told.append(f"{median(outcome.epoch_seconds):.3g} s per epoch")
    told += [escape(text) for text in (outcome.failure, outcome.noise) if text]
    return "  ".join(told)
