"""The same command again continues an interrupted sweep, and measures anew after a complete one."""

import os
import signal
import time

import pytest
from mlflow.entities import Run

from kerasbench.vocabulary import Tag
from tests.stub.driver import Stub

pytestmark = pytest.mark.slow  # each starts several commands

SWEEP = ("-m", "label=a,b", "backend=torch,theano")
CELLS = [("theano", "a"), ("theano", "b"), ("torch", "a"), ("torch", "b")]


def _stop_in_the_second_job(stub: Stub, number: int) -> str:
    """Start the sweep, send its driver a signal while the second job trains, and return what it printed."""
    driver = stub.start(*SWEEP, *stub.waiting(on="theano"))
    deadline = time.monotonic() + 120
    while [run.info.status for run in stub.runs()] != ["FINISHED", "RUNNING"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.kill(driver.pid, number)
    return str(driver.communicate(timeout=60)[0])


def _begin(stub: Stub, *more: str) -> str:
    """Run the sweep in a process of its own, which is gone afterwards: only such a sweep can be continued."""
    driver = stub.start(*SWEEP, *more)
    printed, errors = driver.communicate(timeout=120)
    assert driver.returncode == 0, printed + errors
    return str(printed)


def _run_again(stub: Stub, *more: str) -> str:
    done = stub.train(*SWEEP, *more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _finished(stub: Stub) -> list[Run]:
    return [run for run in stub.runs() if run.info.status == "FINISHED"]


def _cells(runs: list[Run]) -> list[tuple[str, str]]:
    return sorted((run.data.tags[Tag.BACKEND], run.data.tags[Tag.LABEL]) for run in runs)


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_sweep_is_continued_and_no_job_is_run_twice(stub: Stub, number: int) -> None:
    printed = _stop_in_the_second_job(stub, number)
    assert number == signal.SIGKILL or "same command again" in printed
    (first, _) = stub.runs()
    (stub.folder / "open").touch()
    again = _begin(stub, *stub.waiting(on="theano"))
    assert "1 of 4 jobs have finished" in again
    assert _cells(_finished(stub)) == CELLS
    assert {run.data.tags[Tag.SWEEP] for run in stub.runs()} == {first.data.tags[Tag.SWEEP]}
    assert not [run for run in stub.runs() if run.info.status == "RUNNING"]
    assert all(len(stub.history(run, "epoch_seconds")) == 2 for run in _finished(stub))
    _run_again(stub, *stub.waiting(on="theano"))  # complete: it is measured anew
    assert len({run.data.tags[Tag.SWEEP] for run in _finished(stub)}) == 2
    assert _cells(_finished(stub)) == sorted(CELLS * 2)


def test_more_repeats_run_only_the_new_rounds(stub: Stub) -> None:
    _begin(stub, "repeats=2")
    printed = _run_again(stub, "repeats=3")
    assert "8 of 12 jobs have finished" in printed
    assert len(_finished(stub)) == 12
    assert sorted({run.data.params["seed"] for run in _finished(stub)}) == ["1", "2", "3"]
    assert len({run.data.tags[Tag.SWEEP] for run in _finished(stub)}) == 1


def test_what_cannot_be_continued_is_refused_and_off_begins_anew(stub: Stub) -> None:
    _begin(stub, "repeats=2")
    _run_again(stub, "repeats=3", "resume=off")
    assert len({run.data.tags[Tag.SWEEP] for run in _finished(stub)}) == 2
    refused = stub.train(*SWEEP, "resume=nosuch")
    assert refused.returncode == 2
    assert "resume=nosuch" in refused.stderr
