"""One job of a command: how a failed or interrupted run ends, and how the command ends with it."""

import signal
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from kerasbench.config.schema import Config
from kerasbench.jobs import job
from kerasbench.jobs.run import run
from kerasbench.process import worker_process
from kerasbench.tasks.outcome import Outcome
from kerasbench.terminal.errors import UserError
from kerasbench.vocabulary import Tag
from tests.stub.driver import Stub


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("raise", "RuntimeError: it was asked to fail"),
        ("exit", "exited with code 0"),
        ("kill", "SIGKILL"),
        ("garbage", "no valid event"),
        ("event", "'losses' where epoch"),
    ],
)
def test_a_run_whose_worker_fails_is_failed_with_its_reason_and_keeps_what_came_before(
    stub: Stub, fault: str, reason: str
) -> None:
    outcome = stub.run("backend=torch", *stub.failing(fault, after=5))
    (run,) = stub.runs()
    assert outcome.status == run.info.status == "FAILED"
    assert outcome.failure == run.data.tags[Tag.FAILURE]
    assert reason in outcome.failure
    assert "\n" not in outcome.failure
    assert list(stub.history(run, "loss")) == [1]
    assert ("Traceback" in stub.artifacts(run)["worker.log"].read_text()) == (fault == "raise")


@pytest.mark.slow
def test_a_sweep_goes_on_after_a_run_that_fails_and_ends_with_status_1(stub: Stub) -> None:
    done = stub.train("-m", "backend=torch", *stub.failing("raise,none"))
    assert done.returncode == 1
    failed, finished = stub.runs()
    assert (failed.info.status, finished.info.status) == ("FAILED", "FINISHED")
    assert failed.data.tags[Tag.VARIANT] == "model.build.fault=raise"
    assert failed.data.tags[Tag.FAILURE] in done.stdout
    assert Tag.FAILURE not in finished.data.tags


def test_a_single_run_that_fails_ends_the_command_with_status_1(stub: Stub) -> None:
    done = stub.train("backend=torch", "model.build.units=-3")
    assert done.returncode == 1
    (run,) = stub.runs()
    assert run.info.status == "FAILED"
    assert "ValueError: negative dimensions" in run.data.tags[Tag.FAILURE]
    assert run.data.tags[Tag.FAILURE] in done.stdout


def test_what_a_framework_prints_is_in_the_log_and_is_taken_for_no_event(stub: Stub) -> None:
    assert stub.run("backend=torch", *stub.failing("print")).status == "FINISHED"
    (run,) = stub.runs()
    log = stub.artifacts(run)["worker.log"].read_text()
    assert len(log) > 1_000_000
    assert '{"kind": "epoch"}' in log


def test_a_users_error_that_no_run_can_be_recorded_for_ends_a_single_run_with_status_2(stub: Stub) -> None:
    done = stub.train("task=parity", "backend=torch", "parity.steps=1000")
    assert done.returncode == 2
    assert done.stderr.startswith("error: parity.steps=1000 ")
    assert not stub.runs()


@pytest.mark.slow
def test_an_error_in_one_job_leaves_the_others_their_turn(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = {1: UserError("the data are damaged"), 2: ZeroDivisionError("a defect")}

    def defective(config: Config, *more: Any) -> Outcome:
        if config.seed in errors:
            raise errors[config.seed]
        return run(config, *more)

    monkeypatch.setattr(job, "run", defective)
    done = stub.train("-m", "backend=torch", "seed=1,2,3", "label=mine")
    assert done.returncode == 1
    assert [run.data.params["seed"] for run in stub.runs()] == ["3"]
    assert "Traceback" in done.stdout  # of the defect alone
    assert done.stdout.count("Traceback") == 1
    for seed, error in errors.items():
        assert f"torch · label=mine · mnist_mlp · seed {seed}: {error}" in done.stdout


@pytest.mark.slow
def test_an_interrupted_sweep_ends_its_worker_that_heeds_no_sigterm_and_its_run_is_killed(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "_GRACE_SECONDS", 0.3)
    done = stub.train("-m", "backend=theano,torch", *stub.failing("interrupt"))
    assert done.returncode == 130
    assert len(done.stderr.splitlines()) == 1
    (run,) = stub.runs()
    assert run.info.status == "KILLED"
    log = stub.artifacts(run)["worker.log"].read_text()
    assert not psutil.pid_exists(int(log))


@pytest.mark.slow
@pytest.mark.parametrize("command", [["-m", "label=a,b"], []])
def test_an_interruption_that_a_librarys_clean_up_replaces_by_its_error_ends_the_command(
    stub: Stub, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    def interrupted(node: object) -> str:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            raise AttributeError("'NoneType' object has no attribute '_invalidate_flags_cache'")

    monkeypatch.setattr("kerasbench.jobs.run.OmegaConf", SimpleNamespace(to_yaml=interrupted))
    done = stub.train(*command, "backend=theano")
    assert done.returncode == 130, done.stdout + done.stderr
    (run,) = stub.runs()
    assert run.info.status == "KILLED"


@pytest.mark.slow
def test_a_driver_that_is_terminated_ends_as_one_that_is_interrupted(stub: Stub) -> None:
    with stub.start("backend=theano", *stub.failing("sleep")) as driver:
        assert driver.stdout is not None
        assert any("epoch 1/2" in line for line in driver.stdout)
        (worker,) = (one for one in psutil.Process(driver.pid).children() if "guardian" not in " ".join(one.cmdline()))
        driver.send_signal(signal.SIGTERM)
        assert driver.wait(30) == 130
    assert not worker.is_running()
    (run,) = stub.runs()
    assert run.info.status == "KILLED"
