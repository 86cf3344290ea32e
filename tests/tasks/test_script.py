"""What is stored of a run of the user's own script."""

from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.entities import Run

from kerasbench.vocabulary import Metric, Tag
from tests.stub.driver import Stub
from tests.worker.scripts import write

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("user")


@pytest.fixture(scope="module")
def swept(stub_in: Callable[[Path], Stub], folder: Path) -> Stub:
    """A sweep over two backends and two command lines of a script with two calls of `fit`."""
    script = write(folder, "fit(int(sys.argv[1]), validation_data=(x, y))\nfit(1)\nprint('printed')")
    stub = stub_in(folder)
    done = stub.train("-m", "backend=theano,torch", f"script={script}", "args='2','3'")
    assert done.returncode == 0, done.stdout + done.stderr
    return stub


def _arguments(run: Run) -> str:
    return str(run.data.params["args"])


def test_every_epoch_of_every_fit_has_its_own_step(swept: Stub) -> None:
    runs = swept.runs()
    assert len(runs) == 4
    for run in runs:
        epochs = int(_arguments(run)) + 1
        for metric in (Metric.LOSS, Metric.EPOCH_SECONDS, Metric.EXAMPLES_PER_SECOND, Metric.ELAPSED_SECONDS):
            assert list(swept.history(run, metric)) == list(range(1, epochs + 1))
        assert swept.history(run, Metric.FIT) == {epoch: float(epoch == epochs) for epoch in range(1, epochs + 1)}
        assert list(swept.history(run, Metric.VAL_LOSS)) == list(range(1, epochs))
        assert {Metric.BEFORE_FIT_SECONDS, Metric.STEADY_EPOCH_SECONDS, "parameters"} <= set(run.data.metrics)


def test_it_is_named_after_the_script_and_ranked_with_the_other_backends(swept: Stub) -> None:
    runs = swept.runs()
    assert {run.data.tags[Tag.MODEL] for run in runs} == {"my_train"}
    assert {run.data.params["trainer.init"] for run in runs} == {"native"}
    assert len({run.data.tags[Tag.COMPARISON_HASH] for run in runs}) == 1
    assert len({run.data.tags[Tag.COMPETITOR] for run in runs}) == 4
    for run in runs:
        assert "trainer.epochs" not in run.data.params
        assert Tag.VALIDATION not in run.data.tags


def test_the_script_is_kept_and_what_it_prints_is_in_the_log(swept: Stub, folder: Path) -> None:
    found = swept.artifacts(swept.runs()[0])
    assert found["my_train.py"].read_text() == (folder / "my_train.py").read_text()
    assert "printed" in found["worker.log"].read_text()


def test_another_script_of_the_same_name_is_another_comparison_and_the_same_one_elsewhere_is_not(
    stub: Stub, tmp_path: Path
) -> None:
    for place, end in (("a", "fit(1)"), ("b", "fit(1)  # changed"), ("c", "fit(1)")):
        (tmp_path / place).mkdir()
        assert stub.run("backend=torch", f"script={write(tmp_path / place, end)}").status == "FINISHED"
    for tag in (Tag.COMPARISON_HASH, Tag.CONFIG_HASH):
        first, changed, elsewhere = (run.data.tags[tag] for run in stub.runs())
        assert first == elsewhere != changed


def test_a_script_that_fails_is_a_failed_run_with_its_line_and_a_sweep_can_run_it_again(
    stub: Stub, tmp_path: Path
) -> None:
    fails = "fit(1)\nif keras.backend.backend() == 'torch':\n    raise ValueError('told')"
    command = ("-m", "backend=theano,torch", f"script={write(tmp_path, fails)}")
    assert stub.train(*command).returncode == 1
    theano, torch = stub.runs()
    assert (theano.info.status, torch.info.status) == ("FINISHED", "FAILED")
    assert torch.data.tags[Tag.FAILURE] == "my_train.py:22: ValueError: told"
    assert list(stub.history(torch, Metric.LOSS)) == [1]
    assert stub.train(*command, "resume=failed").returncode == 1
    assert [run.data.tags[Tag.BACKEND] for run in stub.runs()] == ["theano", "torch", "torch"]


def test_shared_weights_are_those_of_the_reference_backends_first_fit(stub: Stub, tmp_path: Path) -> None:
    script = write(tmp_path, "fit(1)")
    own_draw = "np.random.rand(int(keras.backend.backend() == 'theano'))\n"  # so that Theano's model draws others
    script.write_text(script.read_text().replace("image = Input", own_draw + "image = Input"))
    done = stub.train("-m", "backend=theano,torch", "trainer.init=native,shared", "parity.reference=torch",
                      f"script={script}")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    losses = {
        (run.data.tags[Tag.BACKEND], run.data.params["trainer.init"]): run.data.metrics[Metric.LOSS]
        for run in stub.runs()
    }
    assert losses["theano", "shared"] == losses["torch", "shared"] == losses["torch", "native"]
    assert losses["theano", "native"] != losses["torch", "native"]
