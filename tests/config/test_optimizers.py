"""Optimizers, schedules and callbacks are Keras' own, with Keras' own arguments."""

import pytest

from kerasbench.config import composition
from kerasbench.config.optimizers import resolved
from kerasbench.config.schema import ModelConfig
from kerasbench.terminal.errors import UserError

PUBLISHED = {"class_name": "RMSprop", "learning_rate": 1e-4, "rho": 0.9, "epsilon": 1e-7, "decay": 1e-6}


def _resolved(**given: object) -> dict[str, object]:
    return resolved(ModelConfig(published_optimizer=PUBLISHED, optimizer=given))


def test_the_published_optimizer_is_changed_argument_by_argument() -> None:
    assert _resolved() == PUBLISHED
    assert _resolved(rho=0.8) == PUBLISHED | {"rho": 0.8}
    assert _resolved(class_name="RMSprop", clipnorm=1.0) == PUBLISHED | {"clipnorm": 1.0}


def test_another_class_drops_the_published_arguments_and_names_every_default_that_keras_versions_share_not() -> None:
    assert _resolved(class_name="SGD") == {"class_name": "SGD", "learning_rate": 0.01}
    assert _resolved(class_name="Adam", beta_1=0.8) == {
        "class_name": "Adam", "learning_rate": 0.001, "beta_1": 0.8, "beta_2": 0.999, "epsilon": 1e-7,
    }  # fmt: skip


def test_a_model_without_either_keeps_its_own() -> None:
    assert resolved(ModelConfig()) == {}
    with pytest.raises(UserError, match=r"model\.optimizer\.class_name"):
        resolved(ModelConfig(optimizer={"rho": 0.9}))


ADAMW = "model.optimizer={class_name:AdamW,learning_rate:1e-3,weight_decay:1e-4,clipnorm:1.0}"
COSINE = "model.schedule={class_name:CosineDecay,decay_steps:1000}"
STOPPING = "trainer.callbacks=[{class_name:EarlyStopping,patience:2}]"


def test_whatever_the_backends_keras_has_is_accepted() -> None:
    config = composition.compose([ADAMW, COSINE, STOPPING, "model.metrics=[accuracy,AUC]", "model.loss=kl_divergence"])
    assert config.model.optimizer["weight_decay"] == 1e-4
    assert config.model.schedule == {"class_name": "CosineDecay", "decay_steps": 1000}
    assert config.trainer.callbacks == [{"class_name": "EarlyStopping", "patience": 2}]
    assert composition.compose(["backend=theano", STOPPING, "model.optimizer.global_clipnorm=1"]).trainer.callbacks


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["model.optimizer.nesterov=true"], "nesterov"),
        (["model.optimizer.weight_decay=-1"], "weight_decay"),
        (["model.optimizer.learning_rate=fast"], "must be a number"),
        (["model.optimizer.learning_rate=null"], "learning_rate"),
        (["backend=theano", "model.optimizer.clipnorm=1"], "global_clipnorm"),  # Keras 2 clips all gradients together
        (["backend=theano", "model.optimizer.class_name=Lion"], "Lion is unknown to theano"),
        (["backend=theano", COSINE], "no learning rate schedules"),
        (["model.schedule={class_name:CosineDecay}"], "decay_steps"),
        (["model.schedule={class_name:Cosine,decay_steps:1}"], "Cosine is unknown"),
        ([COSINE, "model.optimizer.decay=0.1"], "decay"),
        (["model.schedule={decay_steps:1}"], "class_name"),
        (["trainer.callbacks=[EarlyStopping]"], "class_name"),
        (["trainer.callbacks=[{class_name:Nothing}]"], "Nothing is unknown"),
        (["trainer.callbacks=[{class_name:EarlyStopping,patients:2}]"], "patients"),
        (["trainer.callbacks=[{class_name:ModelCheckpoint}]"], "needs filepath"),
        (["model.metrics=[correctness]"], "correctness is unknown"),
        (["model.loss=cosine_proximity"], "cosine_proximity is unknown to tensorflow"),
    ],
)
def test_what_it_does_not_have_is_refused(overrides: list[str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        composition.compose(overrides)
