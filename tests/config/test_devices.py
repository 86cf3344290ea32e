"""Several devices in one run: what is refused, and when its run is another competitor."""

from typing import Any

import pytest

from kerasbench.config import composition, devices, identity
from kerasbench.config.builds import WITHOUT_GPU
from kerasbench.jobs.place import variant
from kerasbench.terminal.errors import UserError
from tests.played_nvml import play_nvml

ON_CPU, ON_GPU = "backend.device=cpu", "backend.facts='driver=580.65.06 capability=9.0'"


def _composed(*overrides: str) -> Any:
    return composition.compose(["backend=jax", *overrides])


def _refused(*overrides: str) -> str:
    with pytest.raises(UserError) as refused:
        _composed(*overrides)
    assert str(refused.value).startswith("settings.devices=")
    return str(refused.value)


@pytest.mark.parametrize("backend", ["torch", "tensorflow1", "cntk", "theano", "mxnet"])
def test_a_backend_that_computes_on_one_device_only_is_refused(backend: str) -> None:
    assert f"{backend} has no such setting" in _refused(f"backend={backend}", "settings.devices=2", ON_CPU)


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_on_the_cpu_devices_are_simulated_only_if_the_user_asks_for_the_cpu(backend: str) -> None:
    composed = _composed(f"backend={backend}", "settings.devices=2", ON_CPU)
    assert composed.settings.devices == 2
    assert WITHOUT_GPU["CUDA_VISIBLE_DEVICES"] == ""
    assert ON_CPU in _refused(f"backend={backend}", "settings.devices=2", "backend.facts=none")


def test_the_batch_is_that_of_all_devices_together_and_they_share_it_equally() -> None:
    assert _composed("settings.devices=4", "trainer.batch_size=64", ON_CPU).trainer.batch_size == 64
    assert "trainer.batch_size=52" in _refused("settings.devices=4", "trainer.batch_size=50", ON_CPU)


def test_the_last_batch_of_an_epoch_is_shared_equally_too() -> None:
    composed = _composed("settings.devices=4", "trainer.batch_size=64", ON_CPU)
    devices.check_examples(composed, train=60_000, test=10_000)  # the last ones have 32 and 16
    with pytest.raises(UserError, match=r"data\.test_samples=132"):
        devices.check_examples(composed, train=640, test=134)
    sampled = _composed("settings.devices=4", "trainer.batch_size=64", ON_CPU, "data.test_samples=128")
    devices.check_examples(sampled, train=640, test=134)


def test_more_devices_than_visible_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: dict[str, Any] = {
        "nvmlSystemGetDriverVersion": lambda: "580.65.06",
        "nvmlDeviceGetCudaComputeCapability": lambda handle: (9, 0),
    }
    play_nvml(monkeypatch, ["H100", "H100"], answers)
    assert _composed("settings.devices=2").backend.on_gpu
    assert "2 GPUs are visible" in _refused("settings.devices=4")
    assert "1 GPU is visible" in _refused("settings.devices=2", "+backend.variables.CUDA_VISIBLE_DEVICES='1'")
    assert _composed("settings.devices=8", ON_GPU).settings.devices == 8  # another machine's, which will check it


@pytest.mark.parametrize("overrides", [["task=parity"], ["script={}/my_train.py"]], ids=["parity", "script"])
def test_what_does_not_share_its_batches_is_refused(overrides: list[str], tmp_path: Any) -> None:
    (tmp_path / "my_train.py").write_text("")
    assert "leave settings.devices out" in _refused("settings.devices=2", ON_CPU, *(
        override.format(tmp_path) for override in overrides
    ))  # fmt: skip


def test_each_backend_of_a_sweep_meets_each_number_of_devices() -> None:
    choices = [_composed(ON_CPU), _composed("backend=torch", ON_CPU), _composed("settings.devices=2", ON_CPU)]
    assert [one.settings.devices for one in devices.combined(choices)] == [1, 2] * 3
    with pytest.raises(UserError, match="torch has no such setting"):
        for one in devices.combined(choices):
            devices.check(one)


def test_one_device_is_what_a_run_had_before_it_could_have_several() -> None:
    plain, one = _composed(), _composed("settings.devices=1")
    assert "settings.devices" not in identity.flat(one)
    assert identity.flat(one) == identity.flat(plain)
    assert identity.digest(one) == identity.digest(plain)
    assert identity.comparison(one, ()) == identity.comparison(plain, ())
    assert variant(["settings.devices=1"], ["settings.devices"]) == ()


def test_several_devices_are_a_competitor_of_their_own_in_the_same_ranking() -> None:
    one, two = _composed(ON_CPU), _composed("settings.devices=2", ON_CPU)
    told = variant(["settings.devices=2"], [], two.settings.devices)
    assert told == ("settings.devices=2",)
    assert identity.digest(one) != identity.digest(two)
    assert identity.comparison(one, ()) == identity.comparison(two, told)
    assert variant(["label=mine", "settings.devices=2"], ["settings.devices"], 2) == ("label=mine", *told)
