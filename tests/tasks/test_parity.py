import math

import pytest

from kerasbench.config import composition, settings
from kerasbench.data import PreparedData
from kerasbench.tasks import request
from kerasbench.tasks.parity import first_above, relative_deviations
from kerasbench.terminal.errors import UserError


def test_more_steps_than_there_are_examples_are_refused() -> None:
    composed = composition.compose(["task=parity", "model=babi_rnn", "parity.steps=40"])
    data = PreparedData("d.npz", "babi_qa2", "real", "", ("story", "question"), 36, 1000, 1000)
    resolved = settings.resolve(composed.backend, composed.settings, convolutional=False)
    with pytest.raises(UserError, match=r"parity\.steps=40 of parity\.batch_size=32 need 1280 examples, .* has 1000"):
        request.of_task(composed, resolved, data, None)


def test_deviations_are_relative_to_the_reference() -> None:
    assert relative_deviations([1.0, 2.2], [1.0, 2.0]) == [0.0, 0.10000000000000009]


def test_a_loss_that_is_not_a_number_deviates_without_bound() -> None:
    assert relative_deviations([math.nan], [1.0]) == [math.inf]


def test_the_first_step_above_the_tolerance_is_counted_from_one() -> None:
    assert first_above([0.0, 1e-3, 1.0], 1e-4) == 2
    assert first_above([0.0, 1e-5], 1e-4) is None
    assert first_above([math.inf], 1e-4) == 1
