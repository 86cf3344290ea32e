"""What the user sees while jobs run: a live display on a terminal, lines elsewhere."""

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from kerasbench.terminal import progress
from kerasbench.terminal.progress import Progress

Show = Callable[..., tuple[Progress, io.StringIO]]


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> Show:
    """Return a function that makes a display of so many jobs, on a terminal or not, with its output stream."""

    def make(jobs: int = 2, terminal: bool = False, quiet: bool = False) -> tuple[Progress, io.StringIO]:
        written = io.StringIO()
        monkeypatch.setattr(
            progress, "console", lambda: Console(file=written, force_terminal=terminal, width=120, highlight=False)
        )
        return Progress(jobs, quiet), written

    return make


def _two_jobs(shown: Progress) -> None:
    for backend in ("theano", "cntk"):
        shown.job_begins()
        tell = shown.announcing(f"{backend} · mnist_mlp")
        tell("importing Keras")
        tell("epoch 1/2  3.00 s", (1, 2))
        if backend == "cntk":
            tell.warn("noise: [somebody] else")
        shown.job_ended()
    shown.stop()


def test_without_a_terminal_each_step_is_a_line_that_names_its_job_and_how_many_there_are(show: Show) -> None:
    shown, written = show()
    _two_jobs(shown)
    lines = written.getvalue().splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("1/2 theano · mnist_mlp")
    assert "epoch 1/2  3.00 s" in lines[1]
    assert lines[2].startswith("2/2 cntk · mnist_mlp")
    assert lines[4] == "cntk · mnist_mlp  noise: [somebody] else"


def test_a_terminal_shows_the_job_its_place_and_the_epoch_and_keeps_only_what_must_not_be_missed(show: Show) -> None:
    shown, written = show(terminal=True)
    shown.job_begins()
    shown.announcing("theano · mnist_mlp")("epoch 1/2  3.00 s", (1, 2))
    assert shown._bars is not None
    shown._bars.refresh()
    for text in ("job 1 of 2", "theano · mnist_mlp", "epoch 1/2  3.00 s"):
        assert text in written.getvalue()
    shown.job_ended()
    tell = shown.announcing("cntk · mnist_mlp")
    shown.job_begins()
    tell.done("2 epochs of 3.00 s")
    shown._bars.refresh()
    assert "seconds left" in written.getvalue()
    assert "2 epochs of 3.00 s" in written.getvalue()
    before = len(written.getvalue())
    tell.warn("it broke", style="red")
    shown.stop()
    assert "it broke" in written.getvalue()[before:]


def test_quiet_tells_of_nothing_but_what_went_wrong(show: Show) -> None:
    for terminal in (False, True):
        shown, written = show(terminal=terminal, quiet=True)
        _two_jobs(shown)
        assert written.getvalue().count("mnist_mlp") == 1
        assert "somebody" in written.getvalue()


def test_what_goes_on_at_once_is_shown_side_by_side_and_has_no_number_yet(show: Show) -> None:
    shown, written = show(terminal=True)
    for backend in ("theano", "cntk"):
        shown.announcing(backend, beside=True)(f"installing {backend}'s packages")
    assert shown._bars is not None
    shown._bars.refresh()
    last = written.getvalue().rpartition("preparing")[2]
    assert "installing theano's packages" in last
    assert "installing cntk's packages" in last
    plain, lines = show()
    plain.announcing("theano")("installing")
    assert lines.getvalue().startswith("theano")


def test_a_subject_that_has_ended_is_no_longer_shown(show: Show) -> None:
    shown, written = show(terminal=True)
    checking = shown.announcing("sweep")
    checking("20 of 50 configurations are checked")
    shown.announcing("theano", beside=True)("installing")
    checking.end()
    assert shown._bars is not None
    written.truncate(0)
    shown._bars.refresh()
    shown.stop()
    assert "installing" in written.getvalue()
    assert "configurations" not in written.getvalue()


def test_a_command_whose_number_of_jobs_changes_has_one_display(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    show(terminal=True)
    monkeypatch.setattr(progress, "_current", None)
    first = progress.begin(4, quiet=False)
    second = progress.begin(2, quiet=False)
    assert first._bars is not None
    assert not first._bars.live.is_started
    assert second.live
    second.stop()
