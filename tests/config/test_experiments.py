"""The studies in conf/experiment: what they sweep, and that the command line overrides them."""

from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode

from kerasbench.config.composition import register
from kerasbench.paths import CONF

BACKENDS = {path.stem for path in (CONF / "backend").glob("*.yaml")}
MODELS = {path.stem for path in (CONF / "model").glob("*.yaml")}
ARTICLE = {"cifar10_cnn", "mnist_cnn", "mnist_mlp", "mnist_hierarchical_rnn", "babi_rnn"}


def _composed(*overrides: str) -> Any:
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", list(overrides), return_hydra_config=True)


def _jobs(study: str, *overrides: str) -> set[tuple[str, ...]]:
    """Return the jobs that Hydra makes from a study and overrides, each as its sorted overrides."""
    params = _composed(study).hydra.sweeper.params
    line = [f"{key}={value}" for key, value in params.items()] + [study, *overrides]
    (batch,) = BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(line), None)
    return {tuple(sorted(job)) for job in batch}


@pytest.mark.parametrize(("study", "models"), [("paper2017", ARTICLE), ("quick", MODELS)])
def test_a_study_sweeps_its_models_on_every_backend_without_being_told_to(study: str, models: set[str]) -> None:
    assert _composed(f"experiment={study}").hydra.mode is RunMode.MULTIRUN
    assert _jobs(f"experiment={study}") == {
        (f"backend={backend}", f"experiment={study}", f"model={model}") for backend in BACKENDS for model in models
    }


def test_an_override_takes_the_place_of_a_studys_choice() -> None:
    assert _jobs("experiment=quick", "backend=jax", "model=mnist_mlp,mnist_cnn") == {
        ("backend=jax", "experiment=quick", f"model={model}") for model in ("mnist_mlp", "mnist_cnn")
    }
    assert _composed("experiment=quick", "data.train_samples=77").data.train_samples == 77


@pytest.mark.parametrize("model", sorted(ARTICLE))
def test_the_articles_tests_have_the_models_own_batch_size_and_epochs_and_all_data(model: str) -> None:
    config = _composed("experiment=paper2017", f"model={model}")
    assert (config.trainer.epochs, config.trainer.batch_size) == (config.model.epochs, config.model.batch_size)
    assert config.data.train_samples is None
