"""The settings that affect speed: their precedence, what is refused, and what the worker receives at its start."""

import pytest

from kerasbench.config import composition, settings
from kerasbench.config.schema import ChosenSettings, MatmulPrecision, SettingsConfig, TunedConfig, Variant
from kerasbench.machine.hardware import physical_cores
from kerasbench.paths import CONF
from kerasbench.terminal.errors import UserError

BACKENDS = sorted(path.stem for path in (CONF / "backend").glob("*.yaml"))


def test_stock_leaves_all_but_the_threads_to_the_framework() -> None:
    for name in BACKENDS:
        resolved = settings.resolve(composition.backend_named(name), SettingsConfig(), convolutional=True)
        assert {key: value for key, value in resolved.values.items() if value is not None} == {
            "threads": physical_cores()
        }


def test_what_is_asked_for_wins_over_the_tuned_variant_and_that_over_the_default() -> None:
    backend = composition.backend_named("tensorflow")
    backend.tuned = TunedConfig(ChosenSettings(steps_per_execution=8, jit_compile=True), {"ADVICE": "1"})
    asked = SettingsConfig(variant=Variant.tuned, jit_compile=False)
    resolved = settings.resolve(backend, asked, convolutional=True)
    assert resolved.values["steps_per_execution"] == 8
    assert resolved.values["jit_compile"] is False
    assert resolved.values["onednn"] is None
    assert resolved.variables["ADVICE"] == "1"
    assert "ADVICE" not in settings.resolve(backend, SettingsConfig(), convolutional=True).variables


def test_what_a_framework_reads_when_it_starts_is_in_its_environment() -> None:
    def variables(name: str, **asked: object) -> dict[str, str]:
        chosen = SettingsConfig(**asked)  # type: ignore[arg-type]
        return settings.resolve(composition.backend_named(name), chosen, convolutional=True).variables

    assert variables("tensorflow", onednn=False)["TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert variables("mxnet", onednn=True)["MXNET_MKLDNN_ENABLED"] == "1"
    assert variables("jax", threads=3)["NPROC"] == "3"


def test_every_backends_advice_is_something_that_it_has() -> None:
    for name in BACKENDS:
        backend = composition.backend_named(name)
        advice = {key: value for key, value in vars(backend.tuned.settings).items() if value is not None}
        settings.check(backend, SettingsConfig(**advice))


def test_a_setting_that_a_framework_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(UserError, match=r"settings\.jit_compile=True: cntk has no such setting; it has threads"):
        composition.compose(["backend=cntk", "settings.jit_compile=true"])
    with pytest.raises(UserError, match=r"settings\.matmul_precision=high: theano"):
        settings.check(composition.backend_named("theano"), SettingsConfig(matmul_precision=MatmulPrecision.high))


def test_the_layout_of_images_is_left_alone_where_nothing_is_convolved() -> None:
    composed = composition.compose(["model=mnist_cnn", "settings.image_layout=channels_first"])
    for convolutional, layout in ((True, "channels_first"), (False, None)):
        resolved = settings.resolve(composed.backend, composed.settings, convolutional)
        assert resolved.values["image_layout"] == layout


def test_data_on_the_device_need_a_framework_that_can_and_a_gpu() -> None:
    with pytest.raises(UserError, match=r"settings\.data_on_device=True: cntk has no such setting"):
        composition.compose(["backend=cntk", "settings.data_on_device=true"])
    with pytest.raises(UserError, match=r"settings\.data_on_device=true: torch computes on the CPU"):
        composition.compose(["backend=torch", "backend.device=cpu", "settings.data_on_device=true"])
    asked = ["backend=torch", "backend.facts='driver=590.48 capability=9.0'", "settings.data_on_device=true"]
    config = composition.compose(asked)
    assert settings.resolve(config.backend, config.settings, convolutional=False).values["data_on_device"] is True
    with pytest.raises(UserError, match=r"trainer\.augment=true"):
        composition.compose([*asked, "model=cifar10_cnn", "trainer.augment=true"])
