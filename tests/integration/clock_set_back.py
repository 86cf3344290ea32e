"""A model whose building sets the worker's system clock back by an hour."""

import importlib
import time
from typing import Any

_of_day = time.time


def build(input_shapes: Any, classes: int, **options: Any) -> Any:
    """Return the multilayer perceptron."""
    time.time = lambda: _of_day() - 3600
    return importlib.import_module("models.mnist_mlp").build(input_shapes, classes, **options)
