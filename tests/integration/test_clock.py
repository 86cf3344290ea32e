"""The clock, checked with a layer of known cost on an eager, a graph-mode and an asynchronous framework."""

import pytest
from mlflow import MlflowClient

from tests.conftest import THE_SAME_GRAPH, Train, runs_in, theano
from tests.integration.known_costs import assert_epochs_are_their_batches, assert_unfinished_work_is_waited_for

pytestmark = pytest.mark.slow


@pytest.mark.quiet
@pytest.mark.parametrize("backend", ["torch", "tensorflow", "jax"])
def test_an_epoch_is_its_batches_and_neither_less_nor_their_validation(train: Train, store: str, backend: str) -> None:
    assert_epochs_are_their_batches(train, store, backend)


@pytest.mark.quiet
def test_an_epoch_lasts_until_the_device_has_done_what_it_was_asked_and_validation_comes_after(
    train: Train, store: str
) -> None:
    behind = 0.5
    done = train(
        "backend=torch", "model.module=tests.integration.slow_model", f"+model.build.behind_seconds={behind}",
        "data.train_samples=64", "data.test_samples=32",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = runs_in(store)
    epochs, validations = (
        [point.value for point in MlflowClient(store).get_metric_history(run.info.run_id, metric)]
        for metric in ("epoch_seconds", "validation_seconds")
    )
    assert len(epochs) == 2
    assert min(epochs) >= behind
    assert max(validations) < behind


@pytest.mark.quiet
@pytest.mark.parametrize("backend", ["jax", "mxnet"])
def test_an_asynchronous_framework_is_waited_for_until_its_last_update_is_done(backend: str) -> None:
    """These two dispatch work asynchronously on a CPU, too; a `wait` that does nothing would take no time."""
    assert_unfinished_work_is_waited_for(backend, size=1000)


@pytest.mark.quiet
def test_the_phases_of_a_run_add_up_to_its_whole_time(train: Train, store: str) -> None:
    train("backend=torch", "trainer.epochs=3")
    (run,) = runs_in(store)
    metrics = run.data.metrics
    once = ("start", "import", "idle", "load", "build", "probe")
    told = sum(metrics[f"{phase}_seconds"] for phase in once)
    for metric in ("epoch_seconds", "validation_seconds"):
        told += sum(point.value for point in MlflowClient(store).get_metric_history(run.info.run_id, metric))
    assert told <= metrics["total_seconds"]
    assert told > 0.8 * metrics["total_seconds"]  # the rest is seeding, messages and the process's end


@pytest.mark.thorough
@theano
def test_every_backend_trains_under_its_frameworks_own_advice(train: Train, store: str) -> None:
    # Theano would compile convolutions for minutes, with other flags than those of its other tests.
    backends = {"mnist_cnn": "tensorflow,jax,torch,tensorflow1,cntk,mxnet", "mnist_mlp": "theano"}
    for model, chosen in backends.items():
        done = train("-m", f"backend={chosen}", f"model={model}", "settings.variant=tuned", "data.train_samples=256",
                     "data.test_samples=32", "trainer.batch_size=32", "trainer.epochs=1")  # fmt: skip
        assert done.returncode == 0, done.stdout
    in_force = {run.data.tags["backend"]: run.data.tags for run in runs_in(store)}
    assert in_force["tensorflow"]["in_force.steps_per_execution"] == "8"
    assert in_force["mxnet"]["in_force.image_layout"] == "channels_first"
    assert in_force["theano"]["in_force.allow_gc"] == "False"
    assert all(run.data.metrics["val_accuracy"] > 0 for run in runs_in(store))


@pytest.mark.thorough
def test_tensorflow_1_compiles_with_xla_where_it_is_asked_to(train: Train, store: str) -> None:
    done = train("backend=tensorflow1", "settings.jit_compile=true", "trainer.epochs=1")
    assert done.returncode == 0, done.stdout
    (run,) = runs_in(store)
    assert run.data.tags["in_force.jit_compile"] == "True"


@pytest.mark.thorough
@theano
def test_images_with_their_channels_first_are_the_same_network(train: Train, store: str) -> None:
    done = train(
        "-m", "task=parity", "model=mnist_cnn", "backend=theano,cntk,torch,mxnet",
        "settings.image_layout=channels_first", "parity.tolerance=1e-5", THE_SAME_GRAPH,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("pass ") == 4


@pytest.mark.thorough
def test_keras_3_takes_its_settings_and_says_so(train: Train, store: str) -> None:
    done = train("backend=tensorflow", "settings.jit_compile=true", "settings.steps_per_execution=2",
                 "settings.precision=mixed_bfloat16", "settings.onednn=true", "settings.matmul_precision=highest",
                 "trainer.epochs=1")  # fmt: skip
    assert done.returncode == 0, done.stdout
    (run,) = runs_in(store)
    expected = {
        "compilation": "XLA", "jit_compile": "True", "steps_per_execution": "2", "precision": "mixed_bfloat16",
        "tf32": "False",
    }  # fmt: skip
    assert {name: run.data.tags[f"in_force.{name}"] for name in expected} == expected
    assert run.data.params["settings.jit_compile"] == "True"
