"""When two runs are the same experiment, and when they can share a ranking."""

from dataclasses import replace

import pytest

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
    one, two = (_comparison(variant=(f"settings.threads={threads}", "model.build.units=7")) for threads in (1, 2))
    assert one == two
    assert one != _comparison()


def test_params_are_flat_and_dotted() -> None:
    params = identity.flat(composition.compose(["backend=theano", "trainer.epochs=3"]))
    assert params["trainer.epochs"] == "3"
    assert params["model.optimizer.learning_rate"] == "0.001"
    assert params["data.source"] == "auto"
    assert params["settings.variant"] == "stock"


def test_another_version_of_the_measurement_is_not_ranked_with_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    now = _comparison()
    monkeypatch.setattr(identity, "MEASUREMENT", identity.MEASUREMENT + 1)
    assert _comparison() != now


def test_runs_of_one_backend_in_other_software_or_configured_otherwise_are_told_apart() -> None:
    proof, packages = {"keras_version": "3.15.1", "python_version": "3.11.7"}, "keras==3.15.1\nnumpy==2.2.0\n"
    backend = composition.backend_named("theano")
    now = identity.environment(backend, proof, packages)
    assert identity.environment(composition.backend_named("theano"), dict(proof), packages) == now
    assert identity.environment(replace(backend, colour="#000000", marker="o"), proof, packages) == now
    assert len({
        now,
        identity.environment(backend, proof | {"python_version": "3.11.8"}, packages),
        identity.environment(backend, proof, packages.replace("2.2.0", "2.2.1")),
        identity.environment(replace(backend, variables={"THEANO_FLAGS": "device=cpu"}), proof, packages),
        identity.environment(replace(backend, fixes=[]), proof, packages),
        identity.environment(replace(backend, interpreter="/usr/bin/python3.6"), proof, packages),
    }) == 6  # fmt: skip


def test_where_the_caches_are_tells_nothing_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def kept_in(cache: str) -> str:
        monkeypatch.setattr("kerasbench.config.identity.cache_path", lambda name: f"{cache}/{name}")
        variables = {"THEANO_FLAGS": f"base_compiledir={cache}/theano"}
        return identity.environment(replace(composition.backend_named("jax"), variables=variables), {}, "")

    assert kept_in("/home/one/.cache") == kept_in("/home/another/.cache")


def test_a_password_in_any_text_stays_out_of_the_params() -> None:
    address = "https://user:secret@host.example/x"
    overrides = [f"label='{address}'", f"+backend.variables.PROXY='{address}'", f"backend.interpreter='{address}'"]
    params = identity.flat(composition.compose(overrides))
    assert "secret" not in str(params)
    assert params["label"] == "https://host.example/x"
    assert "secret" not in str(identity.plain(composition.compose(["sweep.varied=['a://b:secret@c']"])))


def test_a_setting_that_was_added_later_is_left_out_until_it_is_used() -> None:
    added = [("settings", "devices"), ("settings", "data_on_device")]
    default = identity.plain(composition.compose(["backend=jax"]))
    assert all(name not in default[group] for group, name in added)
    assert "data_on_device" not in default["backend"]["tuned"]["settings"]
    without = {"settings": {"threads": 1}, "backend": {"tuned": {"settings": {}}}}
    unused = {"threads": 1, "devices": 1, "data_on_device": None}
    with_it = {"settings": unused, "backend": {"tuned": {"settings": {"data_on_device": None}}}}
    assert identity._hash(identity._as_before(with_it), []) == identity._hash(without, [])
    asked = identity._as_before(with_it | {"settings": unused | {"data_on_device": True}})
    assert identity._hash(asked, []) != identity._hash(without, [])
    used = composition.compose(["backend=jax", "backend.device=cpu", "settings.devices=2"])
    assert identity.plain(used)["settings"]["devices"] == 2
    assert identity.digest(used) != identity.digest(composition.compose(["backend=jax"]))


def test_a_models_own_argument_of_such_a_name_counts() -> None:
    config = composition.compose(["backend=jax"])
    before = identity.digest(config)
    config.model.build = {**config.model.build, "devices": 1}
    assert identity.digest(config) != before
