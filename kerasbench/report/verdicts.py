"""A ranking's answer, in a sentence."""

from collections.abc import Sequence

from kerasbench import stats
from kerasbench.report.columns import COLUMNS
from kerasbench.report.results import FIRST, Cell, Ranking
from kerasbench.report.rounding import interval

WINNER, TIE, OPEN, UNJUDGED = "winner", "tie", "open", "not judged"
REPEAT = "run with repeats=5 for confidence intervals and a verdict"


def outcome(ranking: Ranking) -> tuple[str, list[Cell]]:
    """Return what can be said of the first place, and who takes it.

    WINNER: the first is faster than every other. TIE: with those that it is not told apart from. OPEN: too few runs, or
    the first one's loss was no finite number. UNJUDGED: noise (other processes, a hot GPU) disturbed the runs of
    a backend, of which fewer than two are quiet. One is enough, the slowest included: noise makes times longer by an
    unknown factor, so that a disturbed backend may be the fastest on a quiet machine (nvbench's AMBIGUOUS).
    """
    measured = ranking.measured
    if len(measured) < 2 or len(measured[0].samples) < 2 or measured[0].diverged:
        return OPEN, measured[:1]
    if any(cell.noisy for cell in measured):
        return UNJUDGED, measured[:1]
    _, not_apart = stats.verdict(measured[0].competitor, ranking.ratios)
    if not not_apart:
        return WINNER, measured[:1]
    tied = [cell for cell in measured if cell.competitor in not_apart]
    if all(len(cell.samples) < 2 for cell in tied):
        return OPEN, measured[:1]
    return TIE, [measured[0], *tied]


def sentence(ranking: Ranking) -> str:
    """Return the verdict in one sentence."""
    kind, first = outcome(ranking)
    if kind == WINNER:
        return _winner(ranking)
    if kind == TIE:
        return _tie(ranking, first)
    return _unjudged(ranking) if kind == UNJUDGED else _open(ranking)


def _winner(ranking: Ranking) -> str:
    fastest, second, *_ = ranking.measured
    found = ranking.ratios[second.competitor]
    times, between = interval(found.value, found.low, found.high)
    return (
        f"{fastest.competitor} is the fastest: {_seconds(fastest)} per {_epoch(ranking)}; "
        f"{second.competitor}, the next, takes {times} times as long (95% interval {between})."
    )


def _tie(ranking: Ranking, tied: list[Cell]) -> str:
    single = [cell.competitor for cell in tied if len(cell.samples) < 2]
    several = [cell for cell in tied if len(cell.samples) > 1]
    times = ", ".join(_seconds(cell) for cell in several)
    first, *others = (cell.competitor for cell in several)
    each = "" if len(others) == 1 else "each of "
    text = f"A tie: no detectable difference between {first} and {each}{_and(others)} ({times} per {_epoch(ranking)})"
    if single:
        text += f"; {_and(single)} ran once: {REPEAT}"
    behind = [cell for cell in ranking.measured if cell not in tied]
    if behind:
        found = ranking.ratios[behind[0].competitor]
        times, _ = interval(found.value, found.low, found.high)
        text += f"; {behind[0].competitor} takes {times} times as long as {first}"
    return f"{text}."


def _unjudged(ranking: Ranking) -> str:
    noisy = [cell for cell in ranking.measured if cell.noisy]
    which = _and([f"{len(cell.disturbed)} of {len(cell.measured)} runs of {cell.competitor}" for cell in noisy])
    return f"Not judged: noise disturbed {which}; run again on a quiet machine. {_shortest(ranking)}."


def _open(ranking: Ranking) -> str:
    measured = ranking.measured
    if not measured:
        return "No run finished: nothing to compare."
    fastest = measured[0]
    if len(measured) == 1:
        return f"Only {fastest.competitor} was measured, {_seconds(fastest)} per {_epoch(ranking)}: nothing to compare."
    if fastest.diverged:
        diverged = f"in {fastest.diverged} of {len(fastest.measured)} runs its loss was no finite number"
        return f"No verdict: {_shortest(ranking)}, but {diverged}; task=parity shows whether it computes the same."
    single = [cell.competitor for cell in measured if len(cell.samples) == 1]
    who = "each backend" if len(single) == len(measured) else _and(single)
    return f"No verdict: {who} ran once; {REPEAT}. {_shortest(ranking)}."


def _shortest(ranking: Ranking) -> str:
    fastest = ranking.measured[0]
    return f"{fastest.competitor} had the shortest {_epoch(ranking)}, {_seconds(fastest)}"


def _epoch(ranking: Ranking) -> str:
    return "first epoch" if ranking.metric == FIRST else "epoch"


def _seconds(cell: Cell) -> str:
    assert cell.seconds is not None
    return f"{interval(cell.seconds.value, cell.seconds.low, cell.seconds.high)[0]}\N{NO-BREAK SPACE}s"


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def quality(ranking: Ranking) -> str:
    """Return how far the accuracies, or the losses, lie apart: whether they learn as well."""
    column = next((one for one in COLUMNS if ranking.quality and one.key == f"final_{ranking.quality.metric}"), None)
    if column is None or ranking.quality is None:
        return ""
    found = {cell.competitor: value for cell in ranking.measured if (value := column.value(ranking, cell))}
    numbers = {name: value.exact for name, value in found.items() if value.exact is not None}
    ordered = sorted(numbers, key=lambda name: numbers[name])
    said = []
    if ordered:
        low, high = found[ordered[0]].text, found[ordered[-1]].text
        same = f"{low}{' on all' if len(found) == len(numbers) > 1 else ''}"
        said.append(same if low == high else f"from {low} ({ordered[0]}) to {high} ({ordered[-1]})")
    if others := [name for name in found if name not in numbers]:
        said.append(f"no finite number on {_and(others)}")
    return f"Final {ranking.quality.name}: {'; '.join(said)}." if said else ""
