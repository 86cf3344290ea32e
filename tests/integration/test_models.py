"""The six models on real Keras: each has as many weights as its Keras example, and trains on its own data."""

import pytest
from mlflow import MlflowClient

from tests.conftest import QUICK_THEANO, Train, runs_in, theano

pytestmark = pytest.mark.slow

MODELS = {
    "mnist_mlp": 669_706,
    "mnist_cnn": 1_199_882,
    "mnist_hierarchical_rnn": 199_434,
    "cifar10_cnn": 1_250_858,
    # The bAbI models' weights depend on the vocabulary: V = 36 words of qa2.
    "babi_rnn": 2 * 36 * 50 + 2 * 4 * 50 * (50 + 50 + 1) + 51 * 36,
    "babi_rnn_concat": 2 * 36 * 50 + 2 * 4 * 100 * (50 + 100 + 1) + 201 * 36,
}


def test_every_model_has_the_weights_of_its_example_and_trains(train: Train, store: str) -> None:
    done = train("-m", "backend=torch", f"model={','.join(MODELS)}", "trainer.epochs=1", "data.train_samples=64",
                 "data.test_samples=32")  # fmt: skip
    assert done.returncode == 0, done.stdout
    runs = {run.data.tags["model"]: run for run in runs_in(store)}
    assert {name: run.data.metrics["parameters"] for name, run in runs.items()} == MODELS
    assert runs["cifar10_cnn"].data.tags["data.name"] == "colour-shapes-stand-in"
    assert runs["babi_rnn"].data.tags["data.name"] == "babi_qa2-stand-in"


@pytest.mark.thorough
def test_a_convolutional_network_learns_the_stand_in_of_cifar10(train: Train, store: str) -> None:
    """A linear model learns almost nothing there: tests/data/test_cifar10.py."""
    done = train("backend=torch", "model=cifar10_cnn", "trainer.epochs=3", "data.train_samples=5000",
                 "data.test_samples=1000", "model.optimizer.learning_rate=1e-3", "model.build.pooling_dropout=0",
                 "model.build.dense_dropout=0")  # fmt: skip
    assert done.returncode == 0, done.stdout
    (run,) = runs_in(store)
    assert run.data.metrics["val_accuracy"] > 0.6


@pytest.mark.thorough
@pytest.mark.parametrize(
    "backend",
    [
        pytest.param(["backend=cntk"], id="cntk"),
        pytest.param(["backend=theano", QUICK_THEANO], id="theano", marks=theano),
    ],
)
def test_a_model_of_words_trains_on_the_backends_that_compute_in_floats(
    train: Train, store: str, backend: list[str]
) -> None:
    done = train(*backend, "model=babi_rnn_concat", "trainer.epochs=1", "data.train_samples=32",
                 "data.test_samples=32", "model.build.lstm_units=8", "model.build.embedding_units=8")  # fmt: skip
    assert done.returncode == 0, done.stdout
    (run,) = runs_in(store)
    assert run.data.metrics["val_loss"] > 0


@pytest.mark.thorough
def test_runs_from_shared_weights_have_the_same_probe_loss_and_native_ones_have_not(train: Train, store: str) -> None:
    """That seven backends have it: tests/integration/test_training.py."""
    train("-m", "backend=torch,cntk", "trainer.init=shared,native", "trainer.epochs=1")
    train("backend=torch", "trainer.epochs=1", "trainer.batch_size=48")
    losses: dict[str, list[float]] = {"shared": [], "native": []}
    for run in runs_in(store):
        losses[run.data.params["trainer.init"]].append(run.data.metrics["parity_probe_loss"])
    assert losses["shared"] == pytest.approx([losses["shared"][0]] * 3, rel=1e-5)
    assert max(losses["native"]) - min(losses["native"]) > 1e-3


def test_augmented_training_reports_the_time_that_it_took_apart(train: Train, store: str) -> None:
    done = train("backend=torch", "model=cifar10_cnn", "trainer.augment=true", "data.train_samples=64")
    assert done.returncode == 0, done.stdout
    (run,) = runs_in(store)
    history = MlflowClient(store).get_metric_history(run.info.run_id, "augmentation_seconds")
    assert [point.step for point in history] == [1, 2]
    assert all(point.value > 0 for point in history)
