"""What is stored of a training run."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.entities import Run
from omegaconf import OmegaConf

from kerasbench.vocabulary import Metric, Tag
from tests.stub.driver import Stub
from tests.stub.environments import TEST_EXAMPLES, TRAIN_EXAMPLES


@pytest.fixture(scope="module")
def swept(stub_in: Callable[[Path], Stub], tmp_path_factory: pytest.TempPathFactory) -> Stub:
    """A sweep over two backends, Keras 2 and Keras 3, for tests that only read it."""
    stub = stub_in(tmp_path_factory.mktemp("training"))
    done = stub.train("-m", "backend=theano,torch", "trainer.augment=true", "trainer.epochs=3", "settings.threads=2")
    assert done.returncode == 0, done.stdout + done.stderr
    return stub


@pytest.fixture(scope="module")
def run(swept: Stub) -> Run:
    """One of its runs."""
    return swept.runs()[0]


@pytest.mark.parametrize("metric", [*Metric.OF_EPOCH, "augmentation_seconds", "system/samples"])
def test_a_metric_of_an_epoch_has_the_epoch_as_its_step(swept: Stub, metric: str) -> None:
    for run in swept.runs():
        assert list(swept.history(run, metric)) == [1, 2, 3]


@pytest.mark.parametrize(
    "metric",
    [*Metric.OF_RUN, Metric.START_SECONDS, Metric.IMPORT_SECONDS, Metric.LOAD_SECONDS, Metric.BUILD_SECONDS,
     Metric.PARITY_PROBE_LOSS, "parameters", "probe_seconds", "idle_seconds"],
)  # fmt: skip
def test_a_metric_of_the_run_stands_at_step_0(swept: Stub, metric: str) -> None:
    for run in swept.runs():
        assert list(swept.history(run, metric)) == [0]


def test_what_follows_from_other_figures_agrees_with_them(swept: Stub, run: Run) -> None:
    seconds, metrics = swept.history(run, Metric.EPOCH_SECONDS), run.data.metrics
    assert metrics[Metric.FIRST_EPOCH_SECONDS] == seconds[1]
    assert metrics[Metric.STEADY_EPOCH_SECONDS] == pytest.approx((seconds[2] + seconds[3]) / 2)
    compiled = seconds[1] - metrics[Metric.STEADY_EPOCH_SECONDS]
    assert metrics[Metric.COMPILE_SECONDS] == pytest.approx(max(0, compiled))
    for epoch, rate in swept.history(run, Metric.EXAMPLES_PER_SECOND).items():
        assert rate == pytest.approx(TRAIN_EXAMPLES / seconds[epoch])
    elapsed = swept.history(run, Metric.ELAPSED_SECONDS)
    assert metrics[Metric.TIME_TO_FIRST_EPOCH_SECONDS] == elapsed[1]
    assert metrics[Metric.IMPORT_SECONDS] < elapsed[1] < elapsed[2] < elapsed[3] < metrics[Metric.TOTAL_SECONDS]
    assert metrics["parameters"] == (28 * 28 + 1) * 16 + (16 + 1) * 16 + (16 + 1) * 10


def test_backends_start_from_the_same_weights_and_see_the_same_examples(swept: Stub) -> None:
    one, other = swept.runs()
    for metric in (Metric.PARITY_PROBE_LOSS, Metric.LOSS, Metric.VAL_LOSS, Metric.ACCURACY):
        assert swept.history(one, metric) == swept.history(other, metric)


def test_tags_name_versions_data_machine_and_what_is_in_force(swept: Stub) -> None:
    theano, torch = (run.data.tags for run in swept.runs())
    assert (theano[Tag.COMPILATION], torch[Tag.COMPILATION]) == ("C", "eager")
    assert (theano[Tag.BACKEND], torch[Tag.BACKEND]) == ("theano", "torch")
    assert (theano[Tag.KERAS_VERSION], torch[Tag.KERAS_VERSION]) == ("2.3.stub", "3.15.stub")
    for tags in (theano, torch):
        assert tags[Tag.BACKEND_VERSION] == "stub"
        assert (tags[Tag.TASK], tags[Tag.MODEL]) == ("train", "mnist_mlp")
        assert (tags[Tag.DATA_NAME], tags[Tag.DATA_SOURCE]) == ("stub-digits", "embedded")
        assert tags["in_force.threads"] == "2"
        assert tags["in_force.precision"] == "float32"
        assert {Tag.PYTHON_VERSION, Tag.CPU, Tag.GPU, Tag.FINGERPRINT, Tag.CONFIG_HASH, Tag.COMMAND} <= set(tags)
    for tag in (Tag.SWEEP, Tag.DATA_DIGEST, Tag.COMPARISON_HASH, Tag.FINGERPRINT):
        assert theano[tag] == torch[tag]
    assert theano[Tag.CONFIG_HASH] != torch[Tag.CONFIG_HASH]


def test_params_are_the_whole_configuration_flattened(run: Run) -> None:
    expected = {"trainer.epochs": "3", "model.build.units": "16", "settings.threads": "2", "backend.name": "theano"}
    assert expected.items() <= run.data.params.items()


def test_artifacts_are_the_configuration_the_packages_and_the_workers_log(swept: Stub, run: Run) -> None:
    found = swept.artifacts(run)
    assert set(found) == {"config.yaml", "packages.txt", "worker.log"}
    assert OmegaConf.load(found["config.yaml"]).trainer.epochs == 3
    assert found["packages.txt"].read_text() == "keras==stub\n"


def test_the_data_set_is_the_runs_input(run: Run) -> None:
    assert run.inputs is not None
    (given,) = run.inputs.dataset_inputs
    assert given.dataset.name == "stub-digits"
    assert json.loads(given.dataset.profile or "") == {"train_examples": TRAIN_EXAMPLES, "test_examples": TEST_EXAMPLES}


def test_it_learns(stub: Stub) -> None:
    outcome = stub.run("backend=torch", "trainer.epochs=8", "model.build.units=64", "trainer.batch_size=8")
    assert outcome.status == "FINISHED"
    assert outcome.objective("val_accuracy") > 0.9


@pytest.mark.slow
def test_a_seed_gives_the_same_losses_again_and_another_gives_others(stub: Stub) -> None:
    for seed in (1, 2, 1):
        assert stub.run("backend=torch", f"seed={seed}").status == "FINISHED"
    first, other, again = (stub.history(run, Metric.LOSS) for run in stub.runs())
    assert first == again
    assert first[2] != other[2]


def test_a_loss_that_is_not_a_number_is_kept_as_one(stub: Stub) -> None:
    done = stub.train("backend=torch", *stub.failing("no_number", after=4))
    assert done.returncode == 0
    assert done.stdout.count("the loss is nan") == 1
    (run,) = stub.runs()
    losses = stub.history(run, Metric.LOSS)
    assert math.isfinite(losses[1])
    assert math.isnan(losses[2])


def test_a_run_fails_at_a_loss_that_is_not_a_number_if_it_is_asked_to(stub: Stub) -> None:
    outcome = stub.run("backend=torch", "trainer.fail_on_nan=true", *stub.failing("no_number", after=4))
    assert outcome.status == "FAILED"
    assert "trainer.fail_on_nan" in outcome.failure
    assert len(outcome.epoch_seconds) == 1


@pytest.mark.slow
def test_memory_that_grows_from_epoch_to_epoch_is_a_figure_of_the_run_and_a_warning(stub: Stub) -> None:
    # Of the four batches of an epoch, each keeps two MiB.
    done = stub.train("backend=torch", "trainer.epochs=7", *stub.failing("leak"))
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = stub.runs()
    assert list(stub.history(run, Metric.EPOCH_END_RSS_MIB)) == [1, 2, 3, 4, 5, 6, 7]
    assert run.data.metrics[Metric.RSS_GROWTH_MIB] == pytest.approx(8, abs=1)
    assert (
        done.stdout.count(f"grows by {run.data.metrics[Metric.RSS_GROWTH_MIB]:.1f} MiB an epoch") == 2
    )  # the report's
    assert Metric.DEVICE_GROWTH_MIB not in run.data.metrics


@pytest.mark.slow
def test_memory_that_does_not_grow_is_not_said_to(stub: Stub) -> None:
    done = stub.train("backend=torch", "trainer.epochs=8")
    assert done.returncode == 0
    assert Metric.RSS_GROWTH_MIB not in stub.runs()[0].data.metrics
    assert "MiB an epoch" not in done.stdout
