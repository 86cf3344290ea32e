"""What follows from raw samples: pure functions."""

from statistics import median


def steady_seconds(epoch_seconds: list[float]) -> float | None:
    """Return the median of the epochs after the first, which carries the compilation; None if there is no other."""
    return median(epoch_seconds[1:]) if len(epoch_seconds) > 1 else None


def epoch_summary(epoch_seconds: list[float]) -> dict[str, float]:
    """Return the run-level metrics that follow from the training seconds of its epochs, in order.

    `compile_seconds` is the first epoch minus a steady one, never below 0. Of a single epoch neither is known.
    """
    if not epoch_seconds:
        return {}
    summary = {"first_epoch_seconds": epoch_seconds[0]}
    steady = steady_seconds(epoch_seconds)
    if steady is not None:
        summary |= {"steady_epoch_seconds": steady, "compile_seconds": max(0.0, epoch_seconds[0] - steady)}
    return summary
