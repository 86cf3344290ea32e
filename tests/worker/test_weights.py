"""Weights that cross from the reference backend to another, by position."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kerasbench.worker import weights


class Dense:
    """A layer, as far as weights are concerned."""

    def __init__(self, name: str, *shapes: tuple[int, ...]) -> None:
        self.name = name
        self.weights = [np.zeros(shape) for shape in shapes]

    def get_weights(self) -> list[Any]:
        return [array.copy() for array in self.weights]

    def set_weights(self, arrays: list[Any]) -> None:
        self.weights = list(arrays)


class GRU(Dense): ...


class Conv2D(Dense): ...


def _model(*layers: Any) -> Any:
    return SimpleNamespace(layers=list(layers))


def _filled(layer: Dense, value: float) -> Dense:
    layer.weights = [np.full(array.shape, value) for array in layer.weights]
    return layer


def test_weights_are_set_by_position_through_nested_models_whatever_the_names(tmp_path: Path) -> None:
    there = _model(_filled(Dense("dense", (2, 3), (3,)), 1), Dense("flatten"), _filled(Dense("dense_1", (3, 1)), 2))
    weights.save(there, f"{tmp_path}/w.npz")
    first, last = Dense("dense_7", (2, 3), (3,)), Dense("other", (3, 1))
    weights.load(_model(_model(first), last), f"{tmp_path}/w.npz")
    assert [array.tolist() for array in first.weights] == [[[1, 1, 1], [1, 1, 1]], [1, 1, 1]]
    assert last.weights[0].tolist() == [[2], [2], [2]]


def test_a_layout_of_a_backend_is_converted_in_both_directions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kerasbench.worker.fixes.theano_kernels import _rotated

    kernel = np.arange(12.0).reshape(3, 2, 1, 2)  # without a bias
    monkeypatch.setattr(weights, "conversions", [(_rotated, _rotated)])
    theano = Conv2D("conv", kernel.shape)
    theano.weights = [kernel]
    weights.save(_model(theano), f"{tmp_path}/w.npz")
    other = Conv2D("conv", kernel.shape)
    weights.load(_model(other), f"{tmp_path}/w.npz")
    assert np.array_equal(other.weights[0], kernel)
    monkeypatch.setattr(weights, "conversions", [])
    weights.load(_model(other), f"{tmp_path}/w.npz")
    assert np.array_equal(other.weights[0], kernel[::-1, ::-1])


def test_another_network_is_refused_with_the_layer_that_differs(tmp_path: Path) -> None:
    weights.save(_model(Dense("dense", (2, 3)), GRU("gru", (2, 9))), f"{tmp_path}/w.npz")
    with pytest.raises(ValueError, match=r"layer 2 \(GRU mine\) .*\(9\).*\(2,9\).*reset_after"):
        weights.load(_model(Dense("dense", (2, 3)), GRU("mine", (9,))), f"{tmp_path}/w.npz")
    with pytest.raises(ValueError, match="1 layers with weights, and 2"):
        weights.load(_model(Dense("dense", (2, 3))), f"{tmp_path}/w.npz")
