"""The parity certificate on the real backends, with and without each fix."""

import pytest
from mlflow import MlflowClient

from kerasbench.config.composition import backend_named
from tests.conftest import THE_SAME_GRAPH, Train, runs_in, theano

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


@theano
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


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("optimizer", "bound"),
    [((), 1e-5), ((DECAY,), 1e-5), (ADADELTA, 1e-5), (SGD, 1e-5), (ADAM, 5e-5), ((*ADAM, DECAY), 5e-5)],
    ids=["RMSprop", "RMSprop, decaying", "Adadelta", "SGD", "Adam, which magnifies rounding", "Adam, decaying"],
)
def test_an_optimizer_is_one_algorithm_under_keras_2_and_3_and_on_mxnet(
    train: Train, store: str, optimizer: tuple[str, ...], bound: float
) -> None:
    done = train("-m", "task=parity", "backend=tensorflow1,cntk,mxnet", *OWN_OPTIMIZER, *optimizer)
    assert done.returncode == 0, done.stdout
    assert max(run.data.metrics["parity_max_deviation"] for run in runs_in(store)) < bound


_AGREES = "none: the forward pass agrees"


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("backend", "model", "layers"),
    [
        ("cntk", SMALL_RNN, {"cntk_lstm": "rows"}),
        ("mxnet", SMALL_RNN, {"mxnet_recurrent": "rows"}),
        pytest.param(
            "theano",
            (*CNN, THE_SAME_GRAPH),
            {"theano_kernels": "conv_1", "theano_pooling": _AGREES, "theano_relu": _AGREES},
            marks=theano,
        ),
        ("tensorflow1", OWN_OPTIMIZER, {"keras2_rmsprop": _AGREES}),
        ("tensorflow1", (*OWN_OPTIMIZER, *ADADELTA), {"tensorflow1_iterations": _AGREES}),
        ("tensorflow", SMALL_WORDS, {"tensorflow_sparse_gradients": _AGREES}),
        ("mxnet", (*OWN_OPTIMIZER, *ADADELTA), {"mxnet_optimizers": _AGREES}),
    ],
)
def test_without_a_fix_the_backend_fails_and_the_layer_is_named(
    train: Train, store: str, backend: str, model: tuple[str, ...], layers: dict[str, str]
) -> None:
    """One sweep: with all fixes it passes, and without each of the named ones it fails."""
    fixes = backend_named(backend).fixes
    choices = {"": fixes} | {without: [fix for fix in fixes if fix != without] for without in layers}
    written = ",".join(f"[{','.join(chosen)}]" for chosen in choices.values())
    done = train("-m", "task=parity", f"backend={backend}", *model, "parity.tolerance=1e-5", f"backend.fixes={written}")
    assert done.returncode == 1, done.stdout + done.stderr
    runs = list(reversed(runs_in(store)))
    assert len(runs) == len(choices)
    for run, without in zip(runs, choices, strict=True):
        assert (run.data.metrics["parity_max_deviation"] > 1e-5) == bool(without), without
        assert (run.info.status == "FAILED") == bool(without)
        if without:
            assert f"first layer whose output deviates: {layers[without]}" in run.data.tags["failure"]
