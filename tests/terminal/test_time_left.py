"""The estimated time left for a command's jobs."""

import pytest

from kerasbench.terminal.time_left import TimeLeft, in_words


def test_nothing_is_known_before_the_first_epoch() -> None:
    left = TimeLeft(2)
    left.job_begins(0)
    left.epoch_ends(10, 0, 4)
    assert left.seconds(10) is None
    assert in_words(None) == ""


def test_the_first_epoch_tells_of_the_job_and_the_job_of_the_others() -> None:
    left = TimeLeft(3)
    left.job_begins(0)
    left.epoch_ends(10, 0, 4)  # imports and building took ten seconds
    left.epoch_ends(15, 1, 4)
    assert left.seconds(15) == pytest.approx(3 * 5 + 2 * 30)


def test_later_epochs_and_finished_jobs_replace_the_first_guess() -> None:
    left = TimeLeft(3)
    left.job_begins(0)
    left.epoch_ends(10, 0, 4)
    left.epoch_ends(20, 1, 4)  # with compilation
    left.epoch_ends(22, 2, 4)
    assert left.seconds(22) == pytest.approx(2 * 2 + 2 * 26)
    left.job_ends(40)
    assert left.seconds(40) == pytest.approx(2 * 40)
    left.job_begins(40)
    assert left.seconds(50) == pytest.approx(30 + 40)
    left.job_ends(60)
    left.job_begins(60)
    assert left.seconds(200) is None  # overdue before its first epoch, and the last
    left.job_ends(200)
    assert left.seconds(200) is None


@pytest.fixture
def second() -> TimeLeft:
    """The last of two jobs begins at 50; the first took 10 s to start and 40 s to train."""
    left = TimeLeft(2)
    left.job_begins(0)
    left.epoch_ends(10, 0, 4)
    left.epoch_ends(50, 4, 4)
    left.job_ends(50)
    left.job_begins(50)
    return left


def test_a_slow_start_does_not_shorten_the_training_that_follows(second: TimeLeft) -> None:
    assert second.seconds(60) == pytest.approx(40)
    second.epoch_ends(95, 0, 4)  # building the model took as long as the whole first job
    assert second.seconds(95) == pytest.approx(40)


def test_nothing_is_known_of_a_job_whose_first_epoch_outlasts_the_jobs_before_it(second: TimeLeft) -> None:
    second.epoch_ends(60, 0, 4)
    assert second.seconds(101) is None
    second.epoch_ends(110, 1, 4)
    assert second.seconds(110) == pytest.approx(3 * 50)
    second.epoch_ends(160, 4, 4)
    assert second.seconds(161) == 0  # the end of the job follows within seconds


@pytest.mark.parametrize(
    ("seconds", "words"), [(10.0, "seconds"), (60.0, "a minute"), (150.0, "2 min"), (3600.0, "60 min")]
)
def test_an_estimate_is_rounded(seconds: float, words: str) -> None:
    assert words in in_words(seconds)
