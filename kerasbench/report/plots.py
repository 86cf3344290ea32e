"""The plots of the report: those of each ranking, and those over all rankings."""

import re
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from statistics import median
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from kerasbench.config import colours
from kerasbench.report.drawing import INK, Plot, legend, render, shortened, ticks
from kerasbench.report.overview import matrix, speed_against_accuracy
from kerasbench.report.results import FIRST, PHASES, STEADY, Cell, Ranking, Report
from kerasbench.report.rounding import interval, rounded
from kerasbench.store.quality import ACCURACY, Quality
from kerasbench.vocabulary import Metric

MOST_RANKINGS = 8  # only the rankings with the newest runs are drawn
# Phases that happen once are grey or blue; training has the strongest colour.
_PHASE_COLOURS = {
    "start": "#b9bdc4",
    "import": "#8d99ae",
    "load": "#6b7a99",
    "build": "#88ccee",
    "compile": "#ddaa33",
    "train": "#117a8b",
    "validate": "#bb5577",
    "other": "#d6cfc4",
}
_LINE_STYLES = ("-", "--", ":", "-.")
_BAR = 0.62  # of the height of a row
_LABEL, _LEGEND = 28, 64  # characters in a line beside a bar, and in a legend


def draw(report: Report, pool: Executor | None = None) -> tuple[list[Plot], dict[str, list[Plot]]]:
    """Return the plots over all rankings of steady epochs, and each ranking's own by its slug, drawn by the pool."""
    newest_first = sorted(report.rankings, key=lambda ranking: -max(run.started_at for run in ranking.runs))
    chosen = newest_first[:MOST_RANKINGS]
    drawn = [ranking for ranking in report.rankings if ranking in chosen]  # in the page's order
    own = (pool.map if pool else map)(of_ranking, drawn)
    steady = [ranking for ranking in drawn if ranking.measured and ranking.metric == STEADY]
    general = [plot for plot in (matrix(steady), speed_against_accuracy(steady)) if plot]
    return general, {ranking.slug: plots for ranking, plots in zip(drawn, own, strict=True)}


def of_ranking(ranking: Ranking) -> list[Plot]:
    """Return the plots of one ranking; none where nothing was measured."""
    learned = _learned(ranking, ranking.quality) if ranking.quality else []
    return [plot for plot in (seconds(ranking), time_spent(ranking), *learned) if plot]


def _learned(ranking: Ranking, quality: Quality) -> list[Plot | None]:
    """Draw the accuracy or the loss by epoch and by time."""
    short = quality.short.replace("_", "-")
    what = quality.name if quality is not ACCURACY else quality.short
    return [
        _progress(ranking, quality, f"{short}-epoch", f"{what.capitalize()} by epoch", "epoch", along=None),
        _progress(
            ranking, quality, f"{short}-time", f"{what.capitalize()} by wall-clock time",
            "seconds since the start of the process, everything included", along=Metric.ELAPSED_SECONDS,
        ),
    ]  # fmt: skip


def seconds(ranking: Ranking) -> Plot | None:
    """Draw a bar for each competitor, the fastest on top, with its confidence interval."""
    found = {cell: cell.seconds for cell in ranking.measured if cell.seconds}
    if not found:
        return None
    what = "first epoch" if ranking.metric == FIRST else "epoch"
    longest = max(one.high or one.value for one in found.values())

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        places = range(len(found))
        values = [one.value for one in found.values()]
        axes.barh(places, values, height=_BAR, color=[colours.of_competitor(cell.competitor) for cell in found])
        for place, one in zip(places, found.values(), strict=True):
            if one.low is not None and one.high is not None:
                axes.plot([one.low, one.high], [place, place], color=INK, linewidth=1.2, marker="|", markersize=7)
            text, _ = interval(one.value, one.low, one.high)
            axes.annotate(text, (one.high or one.value, place), (6, 0), textcoords="offset points", va="center")
        axes.set_xlim(0, longest * 1.16)
        known = any(one.low is not None for one in found.values())
        label = f"training seconds per {what}, {'95% interval' if known else 'one run each'}"
        _finish_bars(axes, list(found), label)

    told = "; ".join(f"{cell.competitor} {rounded(one.value)} s" for cell, one in found.items())
    return _of_bars(ranking, "seconds", f"Seconds per {what}", told, draw, list(found))


def time_spent(ranking: Ranking) -> Plot | None:
    """Draw a stacked bar for each competitor: how long each phase of a run took."""
    cells = [cell for cell in ranking.measured if sum(cell.phases.values()) > 0]
    if not cells:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for place, cell in enumerate(cells):
            spent = [cell.phases[phase] for phase in PHASES]
            left = [sum(spent[:number]) for number in range(len(PHASES))]
            parts, faces = list(zip(left, spent, strict=True)), list(_PHASE_COLOURS.values())
            axes.broken_barh(parts, (place - _BAR / 2, _BAR), facecolors=faces, edgecolor="white", linewidth=0.5)
        axes.set_xlim(0, 1.04 * max(sum(cell.phases.values()) for cell in cells))
        _finish_bars(axes, cells, "seconds of a run, from its start to its end (mean)")
        legend(figure, [Patch(color=_PHASE_COLOURS[phase], label=phase) for phase in PHASES])

    told = "; ".join(
        f"{cell.competitor} {rounded(sum(cell.phases.values()))} s in all, of which "
        + ", ".join(f"{phase} {rounded(seconds)}" for phase, seconds in cell.phases.items())
        for cell in cells
    )
    return _of_bars(ranking, "time", "Where the time went", told, draw, cells)


def _finish_bars(axes: Axes, cells: Sequence[Cell], label: str) -> None:
    axes.set_xlabel(label, loc="right")
    axes.set_yticks(range(len(cells)), ["\n".join(name_lines(cell)) for cell in cells])
    axes.set_ylim(len(cells) - 0.45, -0.55)  # the first on top
    axes.grid(False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(ticks(6))


def _of_bars(
    ranking: Ranking, name: str, title: str, text: str, draw: Callable[[Figure], None], cells: Sequence[Cell]
) -> Plot:
    row = 0.17 + 0.16 * max(len(name_lines(cell)) for cell in cells)
    return _own(ranking, name, title, text, draw, 0.6 + row * len(cells))


def name_lines(cell: Cell) -> list[str]:
    """Return a competitor's name in lines that leave room for its bar: the backend, and each setting of its variant."""
    settings = [one.partition("=") for one in re.split(r"\s+(?=\S+=)", cell.variant) if one]
    shown = (f"{key.rpartition('.')[2]}={' '.join(value.split())}" for key, _, value in settings)
    return [cell.backend, *(shortened(line, _LABEL) for line in shown)]


_Curve = tuple[list[float], list[float], list[float], list[float]]


def _progress(ranking: Ranking, quality: Quality, name: str, title: str, label: str, along: str | None) -> Plot | None:
    """Draw a line for each competitor: the median of its runs, in a band from the lowest to the highest."""
    curves = {cell: curve for cell in ranking.measured if (curve := _curve(cell, quality, along))}
    if not curves:
        return None

    def draw(figure: Figure) -> None:
        axes, lines = figure.subplots(), []
        for cell, (x, middle, low, high) in curves.items():
            competitor, look = shortened(" ".join(name_lines(cell)), _LEGEND), _look(cell, ranking)
            lines += axes.plot(x, middle, label=competitor, markersize=4, markevery=max(1, len(x) // 8), **look)
            if low != high:
                axes.fill_between(x, low, high, color=look["color"], alpha=0.15, linewidth=0)
        axes.set_xlabel(label)
        axes.set_ylabel(quality.name)
        axes.xaxis.set_major_locator(ticks(6, integer=along is None))
        axes.yaxis.set_major_locator(ticks(5))
        axes.ticklabel_format(useOffset=False)
        axes.set_xlim(left=0)
        legend(figure, lines)

    told = "; ".join(f"{cell.competitor} ends at {middle[-1]:.4f}" for cell, (_, middle, _, _) in curves.items())
    return _own(ranking, name, title, told, draw, 2.7)


def _curve(cell: Cell, quality: Quality, along: str | None) -> _Curve | None:
    """Return x, and the median, the lowest and the highest value, over the epochs that all runs have.

    x is the epoch, counted from 1, or, along a metric, its median.
    """
    runs = [
        (run.history(along or quality.metric), values)
        for run in cell.measured
        if (values := run.history(quality.metric)) and (not along or along in run.histories)
    ]
    epochs = sorted(set.intersection(*({*places} & {*values} for places, values in runs))) if runs else []
    if not epochs:
        return None
    at = [[values[epoch] for _, values in runs] for epoch in epochs]
    x = [median(places[epoch] for places, _ in runs) if along else float(epoch) for epoch in epochs]
    return x, [median(some) for some in at], [min(some) for some in at], [max(some) for some in at]


def _look(cell: Cell, ranking: Ranking) -> dict[str, Any]:
    """Return a cell's colour, marker and line style, which differs between the variants of a backend."""
    variants = sorted(other.competitor for other in ranking.cells if other.backend == cell.backend)
    style = _LINE_STYLES[variants.index(cell.competitor) % len(_LINE_STYLES)]
    colour, marker = colours.of_competitor(cell.competitor), colours.marker(cell.backend)
    return {"color": colour, "marker": marker, "linestyle": style}


def _own(ranking: Ranking, name: str, title: str, text: str, draw: Callable[[Figure], None], height: float) -> Plot:
    return render(f"{ranking.slug}-{name}", title, f"{ranking.title}: {text}", draw, height)
