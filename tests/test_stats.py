from kerasbench import stats


def test_a_steady_epoch_is_the_median_of_those_after_the_first() -> None:
    assert stats.steady_seconds([9.0, 2.0, 1.0, 3.0]) == 2.0


def test_a_single_epoch_has_no_steady_one() -> None:
    assert stats.steady_seconds([9.0]) is None
    assert stats.epoch_summary([9.0]) == {"first_epoch_seconds": 9.0}


def test_compilation_is_the_first_epoch_minus_a_steady_one_and_never_negative() -> None:
    assert stats.epoch_summary([9.0, 2.0, 3.0])["compile_seconds"] == 6.5
    assert stats.epoch_summary([1.0, 2.0])["compile_seconds"] == 0.0


def test_no_epoch_no_figures() -> None:
    assert stats.epoch_summary([]) == {}
