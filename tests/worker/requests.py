"""The requests to the worker in these tests, and its answers."""

import io
from typing import Any

from kerasbench.worker import protocol

RMSPROP = {"class_name": "RMSprop", "learning_rate": 0.001, "rho": 0.9, "epsilon": 1e-7, "decay": 0.0}
SETTINGS = dict.fromkeys(
    (
        "devices",
        "jit_compile",
        "steps_per_execution",
        "matmul_precision",
        "precision",
        "image_layout",
        "onednn",
        "data_on_device",
    )
)


def asked(framework: str, data: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "framework": framework, "settings": {**SETTINGS, "threads": 1}, "fixes": [], "seed": 1,
        "seed_function": "numpy.random.seed", "data": data, "loss": "categorical_crossentropy",
        "model": model({"units": 8, "dropout": 0.2}), "optimizer": RMSPROP, "schedule": None,
        "metrics": ["accuracy"], "init": "shared", "weights": None, "augment": False, "callbacks": [], "epochs": 2,
        "batch_size": 50,
    } | changes  # fmt: skip


def model(build: dict[str, Any]) -> dict[str, Any]:
    return {
        "module": "models.mnist_mlp", "function": "build", "own": False, "build": build, "initial_weights": "numpy",
    }  # fmt: skip


def events_in(stream: io.BytesIO) -> list[dict[str, Any]]:
    return [protocol.decode(line) for line in stream.getvalue().splitlines()]


def trained(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Train, and return the events."""
    from kerasbench.worker import training

    stream = io.BytesIO()
    channel = protocol.Channel(stream)
    channel.go.set()
    training.train(request, channel)
    return events_in(stream)
