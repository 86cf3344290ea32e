"""Gives targets the form that a model's losses expect: class numbers, one-hot rows, or values.

A target of the prepared data is described by its `task` ("classification", "binary" or "regression") and its number of
`classes`.
"""

import re
from typing import Any, Dict, List

import numpy as np

Array = Any  # a NumPy array


def default_loss(target: Dict[str, Any], width: int) -> str:
    """Return the loss that suits a target and an output of this width, for a model without a loss."""
    if target["task"] == "regression":
        return "mean_squared_error"
    return "binary_crossentropy" if width == 1 or target["classes"] is None else "categorical_crossentropy"


def default_metric(target: Dict[str, Any]) -> str:
    """Return the metric that suits a target, for a model without metrics."""
    return "mean_absolute_error" if target["task"] == "regression" else "accuracy"


def encoded(arrays: List[Array], targets: List[Dict[str, Any]], losses: List[Any], widths: List[int]) -> List[Array]:
    """Return the targets, each in the form that its loss expects.

    Args:
        arrays: (examples,) class numbers, or (examples, values) numbers.
        targets: the description of each.
        losses: the loss of each output, as `compile` takes it: a name, a function or an object.
        widths: the size of each output's last axis.

    Raises:
        ValueError: the model has another number of outputs than the data have targets, or another width.
    """
    if len(widths) != len(targets):
        raise ValueError("the model has {} outputs, but the data have {} targets".format(len(widths), len(targets)))
    return [_encoded(*one) for one in zip(arrays, targets, losses, widths)]


def _encoded(array: Array, target: Dict[str, Any], loss: Any, width: int) -> Array:
    if target["task"] == "regression" or array.ndim > 1:  # several yes-or-no targets are values, too
        values = array.reshape(len(array), -1) if array.ndim == 1 else array
        if values.shape[-1] != width:
            raise ValueError(
                "{} has {} values, but the model's output has {}".format(target["name"], values.shape[-1], width)
            )
        return values
    if "sparse" in loss_name(loss):
        _check_classes(target, width)
        return array
    if width == 1:
        if target["classes"] > 2:
            raise ValueError(
                "the model has one output for {} classes: return `classes` outputs with softmax".format(
                    target["classes"]
                )
            )
        return array.astype(np.float32).reshape(-1, 1)
    _check_classes(target, width)
    return np.eye(width, dtype=np.float32)[array]


def _check_classes(target: Dict[str, Any], width: int) -> None:
    if width < target["classes"]:
        raise ValueError("the data have {} classes, but the model has {} outputs".format(target["classes"], width))


def loss_name(loss: Any) -> str:
    """Return a loss's name in lower case with underscores, whether it is a name, a function or an object."""
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
