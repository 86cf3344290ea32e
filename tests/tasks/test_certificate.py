"""The task `parity`, from its runs to its table."""

import pytest

from kerasbench.vocabulary import Metric
from tests.stub.driver import Stub


def test_equal_losses_pass_and_the_reference_is_computed_once_for_a_sweep(stub: Stub) -> None:
    done = stub.train("-m", "task=parity", "backend=theano,torch")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("pass ") == 2
    for run in stub.runs():
        assert run.data.metrics[Metric.PARITY_MAX_DEVIATION] < 1e-5
        for metric in ("parity_loss", "parity_deviation_tensorflow", "parity_deviation_float64"):
            assert list(stub.history(run, metric)) == list(range(1, 9))
        assert Metric.EPOCH_SECONDS not in run.data.metrics
    assert [log.parent.name for log in stub.outputs.rglob("reference.log")] == ["0"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "layer"), [("deviate", "output deviates: fault"), ("gradient", "the forward pass agrees")]
)
def test_a_deviation_fails_and_the_first_layer_whose_output_deviates_is_named(
    stub: Stub, fault: str, layer: str
) -> None:
    outcome = stub.run("task=parity", "backend=theano", *stub.failing(fault, on="theano"))
    assert outcome.status == "FAILED"
    assert outcome.deviation is not None
    (run,) = stub.runs()
    assert run.info.status == "FAILED"
    assert layer in run.data.tags["failure"]
    assert run.data.metrics[Metric.PARITY_MAX_DEVIATION] == outcome.deviation > 1e-4


@pytest.mark.slow
def test_a_command_whose_certificate_fails_says_so_and_ends_with_status_1(stub: Stub) -> None:
    done = stub.train("task=parity", "backend=torch", "parity.tolerance=1e-12", "parity.reference=torch")
    assert done.returncode == 1
    assert "FAIL" in done.stdout
    (run,) = stub.runs()
    assert run.data.metrics["parity_deviation_torch"] == 0
    assert "float64" in run.data.tags["failure"]


@pytest.mark.slow
def test_the_models_own_optimizer_is_compared_with_the_reference_alone(stub: Stub) -> None:
    assert stub.run("task=parity", "backend=torch", "parity.optimizer=own").status == "FINISHED"
    (run,) = stub.runs()
    assert "parity_deviation_tensorflow" in run.data.metrics
    assert "parity_deviation_float64" not in run.data.metrics


@pytest.mark.slow
@pytest.mark.parametrize(("died", "named"), [("theano", "SIGKILL"), ("tensorflow", "the reference tensorflow: ")])
def test_a_worker_that_dies_fails_the_certificate(stub: Stub, died: str, named: str) -> None:
    outcome = stub.run("task=parity", "backend=theano", *stub.failing("kill", on=died))
    assert outcome.status == "FAILED"
    assert named in outcome.failure
    (run,) = stub.runs()
    assert run.data.tags["failure"] == outcome.failure
