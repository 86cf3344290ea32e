"""Estimates the remaining time of a command's jobs."""

from statistics import fmean


class TimeLeft:
    """Extrapolates the current job from its epochs, and the jobs after it from the jobs before them.

    All times are seconds of one monotonic clock.
    """

    def __init__(self, jobs: int) -> None:
        """Begin with no job started.

        Args:
            jobs: the total number of jobs.
        """
        self._jobs = jobs
        self._finished: list[float] = []  # the duration of each finished job in seconds
        self._trainings: list[float] = []  # the part of it after the job had imported its framework and built its model
        self._began: float | None = None
        self._training_began: float | None = None
        self._last = 0.0  # when the last epoch ended
        self._epochs = 0  # the number of epochs that the current job has finished
        self._expected_end: float | None = None

    def expect(self, jobs: int) -> None:
        """Change the number of jobs in all."""
        self._jobs = jobs

    @property
    def begun(self) -> bool:
        """Whether a job has begun."""
        return self._began is not None

    def job_begins(self, now: float) -> None:
        """Record the start of a job."""
        self._began = self._last = now
        self._expected_end = now + fmean(self._finished) if self._finished else None

    def epoch_ends(self, now: float, done: int, total: int) -> None:
        """Record the end of an epoch; the remaining ones are assumed as long. `done` is 0 when training begins."""
        if done:
            self._expected_end = now + (now - self._last) * (total - done)
        else:
            self._training_began = now
            if self._trainings:
                self._expected_end = now + fmean(self._trainings)
        self._last, self._epochs = now, done

    def job_ends(self, now: float) -> None:
        """Record the end of a job."""
        if self._began is not None:
            self._finished.append(now - self._began)
        if self._training_began is not None:
            self._trainings.append(now - self._training_began)
        self._began, self._training_began, self._epochs, self._expected_end = now, None, 0, None

    def seconds(self, now: float) -> float | None:
        """Return the estimate; None before the first epoch, or while that epoch outlasts the jobs before."""
        after = self._jobs - len(self._finished) - 1  # the jobs after the current one
        if self._began is None or after < 0:
            return None
        if self._expected_end is None:
            return fmean(self._finished) * (after + 1) if self._finished else None
        if not self._epochs and now > self._expected_end:
            return None
        current = self._expected_end - self._began
        return max(0.0, self._expected_end - now) + after * fmean(self._finished or [current])


def in_words(seconds: float | None) -> str:
    """Return an estimate in words; empty if there is none."""
    if seconds is None:
        return ""
    minutes = seconds / 60
    return (
        f"about {minutes:.0f} min left"
        if minutes >= 1.5
        else "about a minute left"
        if minutes > 0.5
        else "seconds left"
    )
