"""Hydra's sweeper of Optuna and its launcher of joblib, which the extras `optuna` and `joblib` install."""

from importlib.util import find_spec

import pytest
from omegaconf import OmegaConf

from tests.stub.driver import Stub

_OPTUNA = ("hydra/sweeper=optuna", "hydra.sweeper.n_trials=4", "hydra.sweeper.sampler.seed=1")
_RATE = "model.optimizer.learning_rate=interval(0.0001,0.1)"

pytestmark = pytest.mark.slow
optuna = pytest.mark.skipif(not find_spec("optuna"), reason="pip install kerasbench[optuna]")
joblib = pytest.mark.skipif(not find_spec("hydra_plugins.hydra_joblib_launcher"), reason="kerasbench[joblib]")


def _told(stub: Stub, status: int, *arguments: str) -> str:
    with stub.start("-m", *arguments) as process:
        output, errors = process.communicate()
    assert process.returncode == status, output + errors
    assert not errors
    return output


@optuna
@pytest.mark.parametrize(("objective", "best"), [("val_accuracy", max), ("val_loss", min)])
def test_optuna_finds_the_best_learning_rate_and_its_trials_are_one_sweep(
    stub: Stub, objective: str, best: type
) -> None:
    told = _told(stub, 0, *_OPTUNA, "backend=theano", _RATE, f"objective={objective}")
    assert told.count("To compare them") == told.count("examples  ") == 1  # one table, after the last trial
    runs = stub.runs()
    assert len({run.data.tags["sweep"] for run in runs}) == 1
    rates = [float(run.data.params["model.optimizer.learning_rate"]) for run in runs]
    assert len(set(rates)) == 4
    assert all(0.0001 <= rate <= 0.1 for rate in rates)
    found = OmegaConf.load(stub.outputs / "optimization_results.yaml")
    assert found.best_value == best(run.data.metrics[objective] for run in runs)


@optuna
def test_a_trial_that_fails_is_the_worst_and_the_search_goes_on(stub: Stub) -> None:
    _told(stub, 1, *_OPTUNA, "backend=theano,torch", _RATE, *stub.failing("raise", on="torch"))
    assert {run.data.tags["backend"]: run.info.status for run in stub.runs()} == {
        "theano": "FINISHED", "torch": "FAILED",
    }  # fmt: skip
    assert OmegaConf.load(stub.outputs / "optimization_results.yaml").best_params.backend == "theano"


@optuna
def test_several_directions_are_refused(stub: Stub) -> None:
    with stub.start("-m", *_OPTUNA, "seed=1,2", "hydra.sweeper.direction=[minimize,maximize]") as process:
        _, errors = process.communicate()
    assert process.returncode == 2
    assert errors.startswith("error: hydra.sweeper.direction")
    assert not stub.runs()


@joblib
def test_joblibs_jobs_are_as_quiet_as_the_command_and_one_table_ends_it(stub: Stub) -> None:
    told = _told(stub, 0, "hydra/launcher=joblib", "backend=theano,torch", "seed=1,2", "quiet=true")
    assert told.count("To compare them") == 1
    assert "importing" not in told
    assert [run.info.status for run in stub.runs()] == ["FINISHED"] * 4


@joblib
def test_a_job_of_joblibs_that_fails_ends_the_sweep_with_status_1(stub: Stub) -> None:
    told = _told(stub, 1, "hydra/launcher=joblib", "backend=theano,torch", *stub.failing("raise", on="torch"))
    assert told.count("To compare them") == 1
    assert sorted(run.info.status for run in stub.runs()) == ["FAILED", "FINISHED"]
