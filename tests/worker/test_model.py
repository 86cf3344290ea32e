"""How the worker builds what a request describes."""

import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kerasbench.worker import initializers, weights
from tests.worker.requests import asked


def _built(framework: str, data: dict[str, Any], **changes: Any) -> Any:
    from kerasbench.worker import dataset, model

    request = asked(framework, data, **changes)
    prepared = model.prepare_backend(request)
    return model.build(request, dataset.load(data)[0], prepared).model


def _kernels(model: Any) -> dict[str, Any]:
    return {layer.name: layer.get_weights()[0] for layer in model.layers if layer.get_weights()}


def test_shared_weights_are_those_that_the_seed_and_the_layers_name_give(framework: str, data: dict[str, Any]) -> None:
    for name, kernel in _kernels(_built(framework, data, seed=5)).items():
        expected, _ = initializers.draw(5, name, "Dense", [kernel.shape, (kernel.shape[1],)])
        assert np.array_equal(kernel, expected)


def test_native_weights_are_left_as_keras_drew_them_from_the_seed(framework: str, data: dict[str, Any]) -> None:
    shared = _kernels(_built(framework, data))
    native, again, other = (_kernels(_built(framework, data, init="native", seed=seed)) for seed in (1, 1, 2))
    for name, kernel in native.items():
        assert np.array_equal(kernel, again[name])
        assert not np.array_equal(kernel, other[name])
        assert not np.array_equal(kernel, shared[name])


def test_a_backend_that_keeps_weights_otherwise_is_given_its_own(
    framework: str, data: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = _kernels(_built(framework, data))
    halved = (lambda kind, arrays: arrays, lambda kind, arrays: [array / 2 for array in arrays])
    monkeypatch.setattr(weights, "conversions", [halved])
    for name, kernel in _kernels(_built(framework, data)).items():
        assert np.array_equal(kernel, plain[name] / 2)


def test_python_numpy_and_the_backend_are_seeded(framework: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    from kerasbench.worker.model import seed_everything

    seeds: list[int] = []
    monkeypatch.setattr(keras.utils, "set_random_seed", seeds.append)
    drawn = []
    for seed in (3, 3, 4):
        seed_everything(seed, "keras.utils.set_random_seed")
        drawn.append((random.random(), np.random.random()))
    assert seeds == [3, 3, 4]
    assert drawn[0] == drawn[1]
    assert drawn[0][0] != drawn[2][0]
    assert drawn[0][1] != drawn[2][1]


def test_keras_3_alone_is_told_of_compilation(framework: str, data: dict[str, Any]) -> None:
    from kerasbench.worker.framework import Framework

    chosen = {**asked(framework, data)["settings"], "jit_compile": True, "steps_per_execution": 4}
    model = _built(framework, data, settings=chosen)
    found = Framework(framework, chosen).in_force(model)
    if framework != "torch":
        assert not {"jit_compile", "steps_per_execution"} & set(found)
    else:
        assert (found["jit_compile"], found["steps_per_execution"]) == ("True", "4")
        assert found["compilation"] == "torch.compile"


def test_layout_and_precision_are_in_force_before_the_model_is_built(
    use: Callable[[str], None], data: dict[str, Any]
) -> None:
    use("torch")
    from kerasbench.worker.framework import Framework

    chosen = {**asked("torch", data)["settings"], "image_layout": "channels_first", "precision": "mixed_bfloat16"}
    framework = Framework("torch", chosen | {"threads": 3})
    framework.configure()
    found = framework.in_force(SimpleNamespace())
    assert (found["image_layout"], found["precision"], found["threads"]) == ("channels_first", "mixed_bfloat16", "3")


def test_epsilon_is_squared_and_the_rate_named_as_each_keras_names_it(
    framework: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    from kerasbench.worker import optimizers

    monkeypatch.setattr(keras.optimizers, "RMSprop", lambda **given: given)
    spec = {"class_name": "RMSprop", "learning_rate": 0.1, "rho": 0.9, "epsilon": 1e-3, "momentum": None, "decay": 0.0}
    rate = {"lr": 0.1} if framework == "mxnet" else {"learning_rate": 0.1}
    decay = {} if framework == "torch" else {"decay": 0.0}  # Keras 3 has schedules instead
    assert optimizers.build(spec) == {"rho": 0.9, "epsilon": pytest.approx(1e-6)} | rate | decay
