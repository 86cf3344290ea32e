"""When two runs are the same experiment, and when they may be put in one ranking."""

from kerasbench.config import composition, identity


def _digest(*overrides: str) -> str:
    return identity.digest(composition.compose(list(overrides)))


def _comparison(*overrides: str, variant: tuple[str, ...] = ()) -> str:
    return identity.comparison(composition.compose([*overrides, *variant]), variant)


def test_the_hash_depends_on_what_is_computed_and_not_on_where_it_is_kept() -> None:
    assert _digest("tracking.uri=sqlite:////elsewhere.db", "label=mine", "repeats=3", "report=false") == _digest()
    assert _digest("trainer.epochs=7") != _digest()
    assert _digest("seed=2") != _digest()


def test_backends_and_seeds_may_be_compared_and_other_settings_may_not() -> None:
    assert _comparison("backend=theano", "seed=4") == _comparison()
    assert _comparison("data.source=embedded") == _comparison()  # the data are told apart by their digest
    for override in ("trainer.epochs=7", "model=mnist_cnn", "data.train_samples=100", "settings.threads=1"):
        assert _comparison(override) != _comparison()


def test_what_a_sweep_varies_on_purpose_tells_competitors_apart_and_not_rankings() -> None:
    one, two = (_comparison(variant=(f"settings.threads={threads}", "+model.build.extra=7")) for threads in (1, 2))
    assert one == two
    assert one != _comparison()


def test_params_are_flat_and_dotted() -> None:
    params = identity.flat(composition.compose(["backend=theano", "trainer.epochs=3"]))
    assert params["trainer.epochs"] == "3"
    assert params["model.optimizer.learning_rate"] == "0.001"
    assert params["data.source"] == "auto"
    assert params["settings.variant"] == "stock"
