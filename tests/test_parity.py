import math

from kerasbench.parity import first_above, relative_deviations


def test_deviations_are_relative_to_the_reference() -> None:
    assert relative_deviations([1.0, 2.2], [1.0, 2.0]) == [0.0, 0.10000000000000009]


def test_a_loss_that_is_not_a_number_deviates_without_bound() -> None:
    assert relative_deviations([math.nan], [1.0]) == [math.inf]


def test_the_first_step_above_the_tolerance_is_counted_from_one() -> None:
    assert first_above([0.0, 1e-3, 1.0], 1e-4) == 2
    assert first_above([0.0, 1e-5], 1e-4) is None
    assert first_above([math.inf], 1e-4) == 1
