"""A worker that fails, dies, hangs or talks nonsense: its run ends with the reason, and its epochs are kept."""

from pathlib import Path

import pytest

from kerasbench.process import log
from kerasbench.vocabulary import Metric, Tag
from tests.faults.conftest import Aftermath
from tests.stub.driver import Stub

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

_NO_EVENT = "no valid event"
_GROUPS = Path("/sys/fs/cgroup/memory")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("raise", "RuntimeError: it was asked to fail"),
        ("exit", "exited with code 0"),
        ("kill", "SIGKILL"),
        ("segv", "SIGSEGV"),
        ("term", "SIGTERM"),
        ("memory", "MemoryError"),
        ("stop", "trainer.stall_seconds"),
        ("sleep", "trainer.stall_seconds"),
        ("garbage", _NO_EVENT),
        ("binary", _NO_EVENT),
        ("nested", _NO_EVENT),
        ("event", "'losses' where epoch"),
        ("unknown", "'nosuch' where epoch"),
        ("newer", "protocol version 99"),
        ("lacking", "'started_at'"),
        ("text", "epoch='two'"),
        ("truncated", "exited with code 0"),
    ],
)
def test_a_worker_that_fails_ends_its_run_with_the_reason_and_keeps_its_epochs(
    stub: Stub, aftermath: Aftermath, fault: str, reason: str
) -> None:
    outcome = stub.run("backend=torch", "trainer.stall_seconds=2", *stub.failing(fault, after=5))
    (run,) = stub.runs()
    assert outcome.status == run.info.status == "FAILED"
    assert reason in run.data.tags[Tag.FAILURE]
    assert "out of memory" not in run.data.tags[Tag.FAILURE]
    assert aftermath.epochs(run) == [1]


def test_a_worker_that_the_kernel_kills_for_want_of_memory_is_told_from_one_that_was_killed(stub: Stub) -> None:
    if not (_GROUPS / "memory.limit_in_bytes").exists():
        pytest.xfail("no control group can be limited here: the kernel's counter is tested in tests/process")
    stub.run("backend=torch", *stub.failing("all_memory", after=5))
    (_GROUPS / "kerasbench-test").rmdir()
    (run,) = stub.runs()
    assert "out of memory" in run.data.tags[Tag.FAILURE]


def test_of_200_mb_that_a_worker_prints_the_beginning_and_the_end_are_kept(stub: Stub, aftermath: Aftermath) -> None:
    assert stub.run("backend=torch", "trainer.epochs=1", *stub.failing("flood", after=3)).status == "FINISHED"
    (run,) = stub.runs()
    kept = stub.artifacts(run)["worker.log"]
    assert kept.stat().st_size < 2 * log.SHARE + 200
    text = kept.read_text()
    assert "bytes are left out here" in text[log.SHARE : log.SHARE + 100]
    assert "the last line" in text[-100:]
    assert aftermath.epochs(run) == [1]


@pytest.mark.parametrize("fault", ["no_number", "infinity"])
def test_a_loss_that_is_no_number_is_kept_and_the_run_goes_on(stub: Stub, aftermath: Aftermath, fault: str) -> None:
    assert stub.run("backend=torch", *stub.failing(fault, after=5)).status == "FINISHED"
    (run,) = stub.runs()
    assert aftermath.epochs(run) == [1, 2]
    assert len(stub.history(run, Metric.LOSS)) == 2
