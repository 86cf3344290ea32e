"""The form of targets follows the loss and the width of the model's output."""

from typing import Any

import numpy as np
import pytest

from kerasbench.worker import targets

CLASSES = {"name": "y", "task": "classification", "classes": 3}
ANSWERS = {"name": "y", "task": "binary", "classes": 2}
TAGS = {"name": "y", "task": "binary", "classes": None}
VALUES = {"name": "y", "task": "regression", "classes": None}


class SparseCategoricalCrossentropy:
    """A loss may be an object."""


def categorical_crossentropy() -> None:
    """A loss may be a function."""


@pytest.mark.parametrize(
    ("target", "array", "loss", "width", "expected"),
    [
        (CLASSES, [0, 2], "categorical_crossentropy", 3, [[1, 0, 0], [0, 0, 1]]),
        (CLASSES, [0, 2], categorical_crossentropy, 3, [[1, 0, 0], [0, 0, 1]]),
        (CLASSES, [0, 2], "mse", 4, [[1, 0, 0, 0], [0, 0, 1, 0]]),
        (CLASSES, [0, 2], "sparse_categorical_crossentropy", 3, [0, 2]),
        (CLASSES, [0, 2], SparseCategoricalCrossentropy(), 3, [0, 2]),
        (ANSWERS, [0, 1], "binary_crossentropy", 1, [[0], [1]]),
        (ANSWERS, [0, 1], "categorical_crossentropy", 2, [[1, 0], [0, 1]]),
        (TAGS, [[0, 1, 1]], "binary_crossentropy", 3, [[0, 1, 1]]),
        (VALUES, [0.5, 2.0], "mse", 1, [[0.5], [2.0]]),
        (VALUES, [[0.5, 2.0]], "mae", 2, [[0.5, 2.0]]),
    ],
)
def test_a_target_has_the_form_that_the_loss_expects(
    target: dict[str, Any], array: list[Any], loss: Any, width: int, expected: list[Any]
) -> None:
    (found,) = targets.encoded([np.array(array)], [target], [loss], [width])
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("target", "array", "loss", "width", "told"),
    [
        (CLASSES, [0, 2], "categorical_crossentropy", 2, "3 classes, but the model has 2"),
        (CLASSES, [0, 2], "sparse_categorical_crossentropy", 2, "3 classes, but the model has 2"),
        (CLASSES, [0, 2], "binary_crossentropy", 1, "one output for 3 classes"),
        (VALUES, [[0.5, 2.0]], "mse", 1, "2 values, but the model's output has 1"),
    ],
)
def test_an_output_that_does_not_fit_its_target_is_refused(
    target: dict[str, Any], array: list[Any], loss: Any, width: int, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        targets.encoded([np.array(array)], [target], [loss], [width])


def test_a_model_with_another_number_of_outputs_is_refused() -> None:
    with pytest.raises(ValueError, match="2 outputs, but the data have 1"):
        targets.encoded([np.zeros(2)], [VALUES], ["mse", "mse"], [1, 1])


@pytest.mark.parametrize(
    ("target", "width", "loss", "metric"),
    [
        (CLASSES, 3, "categorical_crossentropy", "accuracy"),
        (ANSWERS, 1, "binary_crossentropy", "accuracy"),
        (ANSWERS, 2, "categorical_crossentropy", "accuracy"),
        (TAGS, 3, "binary_crossentropy", "accuracy"),
        (VALUES, 1, "mean_squared_error", "mean_absolute_error"),
    ],
)
def test_a_model_without_a_loss_gets_one_that_suits_the_data(
    target: dict[str, Any], width: int, loss: str, metric: str
) -> None:
    assert targets.default_loss(target, width) == loss
    assert targets.default_metric(target) == metric
