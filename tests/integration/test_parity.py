"""The parity certificate on the real backends, with and without each fix."""

import pytest
from mlflow import MlflowClient

from kerasbench.config.composition import backend_named
from tests.conftest import Train, runs_in

pytestmark = pytest.mark.slow

# For each kind of layer that a fix concerns, a model small enough to compile in seconds.
SMALL_RNN = (
    "model=mnist_hierarchical_rnn",
    "model.build.row_units=8",
    "model.build.column_units=8",
    "parity.batch_size=4",
)
CNN = ("model=mnist_cnn",)
SMALL_WORDS = (
    "model=babi_rnn_concat",
    "model.build.lstm_units=8",
    "model.build.embedding_units=8",
    "parity.optimizer=own",
    "parity.batch_size=4",
)
OWN_OPTIMIZER = ("model=mnist_mlp", "parity.optimizer=own")
DECAY = "model.optimizer.decay=0.5"
ADADELTA = (DECAY, "model.optimizer.class_name=Adadelta", "model.optimizer.learning_rate=0.1")
ADAM = ("model.optimizer.class_name=Adam", "model.optimizer.rho=null", "model.optimizer.beta_1=0.9",
        "model.optimizer.beta_2=0.999")  # fmt: skip
SGD = (DECAY, "model.optimizer.class_name=SGD", "model.optimizer.rho=null", "model.optimizer.epsilon=null",
       "model.optimizer.momentum=0.9", "model.optimizer.learning_rate=0.01")  # fmt: skip


def _deviation(store: str) -> float:
    newest = runs_in(store)[0]
    return newest.data.metrics["parity_max_deviation"]


def test_the_seven_backends_compute_the_same_perceptron_as_numpy_does_in_double_precision(
    train: Train, store: str
) -> None:
    backends = "tensorflow,jax,torch,tensorflow1,cntk,theano,mxnet"
    done = train("-m", "task=parity", f"backend={backends}", "model=mnist_mlp")
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("pass ") == 7
    for run in runs_in(store):
        history = MlflowClient(store).get_metric_history(run.info.run_id, "parity_deviation_float64")
        assert [point.step for point in history] == list(range(1, 9))
        assert max(point.value for point in history) < 1e-5


@pytest.mark.parametrize(
    ("optimizer", "bound"),
    [((), 1e-5), ((DECAY,), 1e-5), (ADADELTA, 1e-5), (SGD, 1e-5), (ADAM, 5e-5), ((*ADAM, DECAY), 5e-5)],
    ids=["RMSprop", "RMSprop, decaying", "Adadelta", "SGD", "Adam, which magnifies rounding", "Adam, decaying"],
)
def test_an_optimizer_is_one_algorithm_under_keras_2_and_3_and_on_mxnet(
    train: Train, store: str, optimizer: tuple[str, ...], bound: float
) -> None:
    done = train("-m", "task=parity", "backend=jax,tensorflow1,cntk,mxnet", *OWN_OPTIMIZER, *optimizer)
    assert done.returncode == 0, done.stdout
    assert max(run.data.metrics["parity_max_deviation"] for run in runs_in(store)) < bound


@pytest.mark.parametrize(
    ("backend", "without", "model", "layer"),
    [
        ("cntk", "cntk_lstm", SMALL_RNN, "rows"),
        ("mxnet", "mxnet_recurrent", SMALL_RNN, "rows"),
        ("theano", "theano_kernels", CNN, "conv_1"),
        ("theano", "theano_pooling", CNN, "none: the forward pass agrees"),
        ("theano", "theano_relu", CNN, "none: the forward pass agrees"),
        ("tensorflow1", "keras2_rmsprop", OWN_OPTIMIZER, "none: the forward pass agrees"),
        ("tensorflow1", "tensorflow1_iterations", (*OWN_OPTIMIZER, *ADADELTA), "none: the forward pass agrees"),
        ("tensorflow", "tensorflow_sparse_gradients", SMALL_WORDS, "none: the forward pass agrees"),
        ("mxnet", "mxnet_optimizers", (*OWN_OPTIMIZER, *ADADELTA), "none: the forward pass agrees"),
    ],
)
def test_without_a_fix_the_backend_fails_and_the_layer_is_named(
    train: Train, store: str, backend: str, without: str, model: tuple[str, ...], layer: str
) -> None:
    fixes = backend_named(backend).fixes
    asked = ("task=parity", f"backend={backend}", *model, "parity.tolerance=1e-5")
    whole = train(*asked)
    assert whole.returncode == 0, whole.stdout
    assert _deviation(store) < 1e-5
    remaining = ",".join(fix for fix in fixes if fix != without)
    broken = train(*asked, f"backend.fixes=[{remaining}]")
    assert broken.returncode == 1
    assert _deviation(store) > 1e-5
    assert f"first layer whose output deviates: {layer}" in " ".join(broken.stdout.split())
