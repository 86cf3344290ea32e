"""The checks before a run starts: which settings are refused and which are accepted."""

import os
from pathlib import Path

import pytest
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from kerasbench import paths
from kerasbench.config import checks, command_line, composition, keras_api, signatures
from kerasbench.paths import CONF
from kerasbench.terminal.errors import UserError, one_line

NO_NUMBERS = ["nan", "inf", "-inf", "-1"]


@pytest.mark.parametrize(
    "override",
    [
        "+trainer.learning_rate=99", "+model.optimizer.nothing=1e-12", "+data.path=x", "++foo=1", "+a.b.c=1",
        "+settings.nosuch=1", "++parity.steps.x=1", "+backend.tuned.settings.nosuch=1", "+backend.nosuch={a: 1}",
        "+model.build.nosuch=1", "++model.build.Units=1", "+data.options.nosuch=1",
    ],
)  # fmt: skip
def test_a_setting_that_nothing_reads_is_refused(override: str) -> None:
    with pytest.raises(Exception, match=override.lstrip("+").partition("=")[0].split(".")[0]) as caught:
        composition.compose([override])
    assert isinstance(caught.value, UserError) or "parity.steps.x" in override


def test_a_model_is_given_what_its_build_function_takes_and_nothing_else() -> None:
    slow = ["model.module=tests.integration.slow_model"]
    assert composition.compose([*slow, "+model.build.seconds=0.5"]).model.build["seconds"] == 0.5
    with pytest.raises(UserError, match=r"model\.build\.second: .* takes no second; it takes units, dropout, seconds"):
        composition.compose([*slow, "+model.build.second=0.5"])
    with pytest.raises(UserError, match=r"model\.build\.units is missing"):
        composition.compose(["~model.build.units"])


@pytest.mark.parametrize("value", ["many", "1.5", "true", "null", "nan", "[1]"])
def test_an_option_of_a_model_has_the_type_that_the_model_declares(value: str) -> None:
    with pytest.raises(UserError, match=r"model\.build\.units"):
        composition.compose([f"model.build.units={value}"])


@pytest.mark.parametrize(
    ("source", "takes"),
    [
        ("def build(input_shapes, classes, a, *, b=1): ...", ["a", "b"]),
        ("def build(shapes, classes, **options): ...", None),
        ("@wrapped\ndef build(shapes, classes, a): ...", None),
        ("from elsewhere import build", None),
        ("import elsewhere\nbuild = elsewhere.make", None),
    ],
)
def test_what_a_function_takes_is_read_from_its_source(tmp_path: Path, source: str, takes: list[str] | None) -> None:
    (tmp_path / "model.py").write_text(source)
    found = signatures.parameters(
        tmp_path / "model.py", "build", "model.module=model", offered=("input_shapes", "classes")
    )
    assert (found and list(found)) == takes


@pytest.mark.parametrize("source", ["def other(): ...", "def build(:", "x = '\0'"])
def test_a_file_that_has_no_such_function_or_is_no_python_is_refused(tmp_path: Path, source: str) -> None:
    (tmp_path / "model.py").write_text(source)
    with pytest.raises(UserError, match=r"model\.module=model"):
        signatures.parameters(tmp_path / "model.py", "build", "model.module=model", offered=("input_shapes", "classes"))


@pytest.mark.parametrize("key", sorted(checks.RANGES))
def test_a_number_just_outside_its_range_is_refused_and_its_bounds_are_taken(key: str) -> None:
    bounds = checks.RANGES[key]
    assert not bounds.holds(float("nan"))
    for bound, excluded, outward in ((bounds.least, bounds.above, -1), (bounds.most, bounds.below, 1)):
        assert bounds.holds(bound) is not excluded
        assert not bounds.holds(bound + outward)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("parity.tolerance", ["inf", "nan", "0", "-1"]),
        ("parity.learning_rate", ["0", *NO_NUMBERS]),
        ("model.optimizer.learning_rate", ["0", *NO_NUMBERS]),
        ("model.optimizer.rho", ["1", *NO_NUMBERS]),
        ("model.optimizer.epsilon", ["0", *NO_NUMBERS]),
        ("model.optimizer.decay", ["2", *NO_NUMBERS]),
        ("telemetry.interval_seconds", ["1e-9", *NO_NUMBERS]),
        ("settings.threads", ["1000000000000", "0"]),
        ("data.train_samples", ["100000000000000000000", "0"]),
        ("trainer.epochs", ["100000000000000000000"]),
        ("trainer.batch_size", ["100000000000000000000"]),
        ("seed", ["4294967296", "-1"]),
        ("repeats", ["1000000000"]),
    ],
)
def test_a_number_that_means_nothing_is_refused_with_its_key(key: str, values: list[str]) -> None:
    for value in values:
        with pytest.raises(UserError, match=f"^{key}="):
            composition.compose([f"{key}={value}"])


def test_the_last_seed_of_all_rounds_is_a_seed() -> None:
    assert composition.compose(["seed=4294967294", "repeats=2"]).seed == 2**32 - 2
    with pytest.raises(UserError, match="ends at seed 4294967296"):
        composition.compose(["seed=4294967295", "repeats=2"])


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("backend=null", "there are: cntk, jax"), ("model=null", "mnist_mlp"), ("data=null", "mnist"),
        ("backend=", "chooses no backend"), ("~model", "chooses no model"), ("backend=3", "chooses no backend"),
        ("~trainer", "cannot be deleted"), ("=3", "no key"),
        ("data.loader=bogus", "data.loader=bogus"), ("data.name=bogus", "data.name=bogus"),
        ("data.loader=archives", "has no function `real`"), ("data.name='../mnist'", "data.name="),
        ("backend.fixes=[nosuch]", "backend.fixes=nosuch"), ("backend.adapter=bogus", "backend.adapter=bogus"),
        ("backend.framework=bogus", "backend.framework=bogus"), ("backend.python=bogus", "backend.python=bogus"),
        ("backend.python='<3'", "fits no"), ("backend.post_install=[nosuch]", "backend.post_install=nosuch"),
        ("backend.colour=notacolour", "backend.colour"), ("backend.marker=heart", "backend.marker"),
        ("backend.seed_function=seed", "backend.seed_function"), ("backend.name='../x'", "backend.name"),
        ("+backend.variables.A-B=1", "environment variable's name"),
        ("model.module=nosuch", "model.module=nosuch"),
        ("model.module=models.mnist_mlp_float64", "no function `build`"),
        ("model.float64_reference=nosuch", "model.float64_reference=nosuch"),
        ("model.loss=nosuch", "model.loss=nosuch"),
        ("model.optimizer.class_name=Nope", "class_name=Nope"), ("model.optimizer.beta_1=0.9", "beta_1"),
        ("model.optimizer.epsilon=null", "epsilon"), ("model.build.dropout=1", r"model\.build\.dropout"),
        ("parity.reference='../model/mnist_mlp'", "parity.reference"), ("sweep.id='../x'", "sweep.id"),
        ("objective=val_acc", "objective=val_acc"),
        *((f"{key}={'x' * 300}", key) for key in ("model.module", "data.loader", "backend.requirements")),
        ("backend.requirements=nosuch.txt", "backend.requirements=nosuch.txt"),
        ("tracking.uri='sqlite://'", "in memory"),
    ],
)  # fmt: skip
def test_a_name_of_nothing_is_refused(override: str, named: str) -> None:
    with pytest.raises(UserError, match=named):
        composition.compose([override])


@pytest.mark.parametrize("key", ["model.module", "tracking.uri", "tracking.experiment", "data.cache", "data.name",
                                 "environments.folder", "backend.python", "label", "parity.reference"])  # fmt: skip
def test_an_empty_name_or_path_is_refused(key: str) -> None:
    with pytest.raises(UserError, match=f"{key} is empty"):
        composition.compose([f"{key}="])


def test_an_empty_folder_of_data_is_none() -> None:
    assert composition.compose(["data.root="]).data.root is None


@pytest.mark.parametrize(
    "override",
    [
        "backend.fixes=${label}", "backend.fixes=${seed}", "backend.post_install=${parity}",
        "backend.variables=${label}", "backend.variables=${model.build}", "backend.tuned.variables=${trainer}",
        "model.build=${label}", "data.options=${seed}", "sweep.varied=${label}", "backend.tuned=${parity}",
        "trainer.epochs=${label}", "seed=${model.name}", "report=${model.name}",
    ],
)  # fmt: skip
def test_an_interpolation_of_another_kind_is_refused(override: str) -> None:
    with pytest.raises((UserError, HydraException, OmegaConfBaseException)) as caught:
        composition.compose([override])
    assert len(one_line(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "label", ["two words, a comma", "Ünïcödé — 漢字 🙂", "50% [red]", 'a "quote"', "$HOME", "3.10"]
)
def test_a_label_may_hold_anything_printable(label: str) -> None:
    assert composition.compose([f"label='{label}'"]).label == label


@pytest.mark.parametrize("label", ["a\nb", "a\tb", "\x00", "\x1b[31m", "\udcff", "x" * 201])
def test_control_characters_and_absurd_lengths_are_refused(label: str) -> None:
    with pytest.raises(UserError, match="label=") as caught:
        composition.compose([f"label='{label}'"])
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("written", ["3.10", "1e3", "1_000", "true"])
def test_text_that_hydra_would_change_is_refused(written: str) -> None:
    for key in ("label", "+backend.variables.FLAG"):
        with pytest.raises(UserError, match="quote it"):
            composition.compose([f"{key}={written}"])


@pytest.mark.parametrize("key", ["data.cache", "environments.folder", "tracking.artifacts"])
@pytest.mark.parametrize("folder", ["/dev/null", "/dev/null/x", "/etc/passwd", "x" * 300, "'~nosuchuser/x'"])
def test_a_folder_that_is_none_and_cannot_be_made_is_refused(key: str, folder: str) -> None:
    with pytest.raises(UserError, match=key):
        composition.compose([f"{key}={folder}"])


def test_a_folder_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    with pytest.raises(UserError, match=f"cannot be made: {tmp_path}"):
        composition.compose([f"data.cache={tmp_path}/cache"])


def test_relative_paths_mean_the_folder_that_the_command_started_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(paths, "STARTED_IN", tmp_path / "start")
    (tmp_path / "start" / "root").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    folders = ["tracking.artifacts=artifacts", "data.root=root", "data.cache=cache", "environments.folder=envs"]
    config = composition.compose(["tracking.uri=sqlite:///relative.db", *folders])
    start = tmp_path / "start"
    assert config.tracking.uri == f"sqlite:///{start}/relative.db"
    assert (config.tracking.artifacts, config.data.root) == (f"{start}/artifacts", f"{start}/root")
    assert (config.data.cache, config.environments.folder) == (f"{start}/cache", f"{start}/envs")
    assert composition.store("sqlite:///other.db", None).uri == f"sqlite:///{start}/other.db"


@pytest.mark.parametrize(
    "uri", ["http://tracking.example:5000", "postgresql://db/mlflow", "sqlite:////tmp/x.db?mode=ro"]
)
def test_an_absolute_address_of_a_store_stays_as_it_is(uri: str) -> None:
    assert composition.compose([f"tracking.uri='{uri}'"]).tracking.uri == uri


@pytest.mark.slow
def test_every_model_and_optimizer_is_accepted_on_every_backend() -> None:
    for backend in sorted(path.stem for path in (CONF / "backend").glob("*.yaml")):
        config = composition.compose([f"backend={backend}"])
        assert keras_api.of_backend(config.backend).major in (2, 3)
    config = composition.compose(["backend=jax", "model.optimizer.class_name=AdamW"])
    assert config.model.optimizer["class_name"] == "AdamW"
    with pytest.raises(UserError, match="AdamW is unknown to theano"):
        composition.compose(["backend=theano", "model.optimizer.class_name=AdamW"])


def test_flags_and_their_values_are_left_to_hydra() -> None:
    command_line.check(["-m", "--config-dir", "somewhere", "--cfg", "job", "backend=jax,torch", "seed=range(0,3)"])
