"""The worker's computations for a parity certificate."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasbench.worker import dataset, initializers, protocol
from models import mnist_mlp_float64
from tests.worker.requests import asked, model

SGD = {"class_name": "SGD", "learning_rate": 0.1, "decay": 0.0, "momentum": 0.0}
MODEL = model({"units": 8, "dropout": 0.0})


def _answer(task: Callable[..., None], request: dict[str, Any]) -> dict[str, Any]:
    stream = io.BytesIO()
    task(request, protocol.Channel(stream))
    (event,) = (protocol.decode(line) for line in stream.getvalue().splitlines())
    return event


def test_losses_are_those_of_successive_batches_each_before_its_update(framework: str, data: dict[str, Any]) -> None:
    from kerasbench.worker import parity

    request = asked(framework, data, optimizer=SGD, model=MODEL, metrics=[], steps=4, batch_size=16)
    losses = _answer(parity.losses, request)["losses"]
    training, _ = dataset.load(data | {"train_samples": 4 * 16})
    expected = mnist_mlp_float64.losses(
        training.x,
        np.eye(10)[training.y],
        draw=lambda *layer: initializers.draw(1, *layer),
        units=8,
        dropout=0.0,
        batch_size=16,
        rate=0.1,
    )
    assert losses == pytest.approx(expected, rel=1e-5)
    assert len(set(losses)) == 4


def test_outputs_are_every_layers_by_its_place(framework: str, data: dict[str, Any], tmp_path: Path) -> None:
    from kerasbench.worker import parity

    request = asked(framework, data, optimizer=SGD, model=MODEL, metrics=[], path=f"{tmp_path}/outputs.npz")
    answer = _answer(parity.outputs, request)
    assert answer["layers"] == ["flatten", "hidden_1", "hidden_2", "probabilities"]
    with np.load(tmp_path / "outputs.npz") as outputs:
        assert {name: outputs[name].shape for name in outputs} == {
            "0": (50, 784), "1": (50, 8), "2": (50, 8), "3": (50, 10),
        }  # fmt: skip
        assert outputs["3"].sum(axis=1) == pytest.approx(np.ones(50), abs=1e-5)
