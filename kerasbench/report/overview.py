"""The plots over all rankings: ratios to the fastest, and speed against accuracy or loss."""

import math
from collections.abc import Sequence
from statistics import median

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from kerasbench.config import colours
from kerasbench.report.columns import NOTHING
from kerasbench.report.drawing import Plot, legend, render, shortened, ticks
from kerasbench.report.results import Cell, Ranking
from kerasbench.report.rounding import interval, rounded
from kerasbench.store.quality import ACCURACY
from kerasbench.store.runs import finite

_TITLE = 25  # characters of a title that fit beside the matrix


def speed_against_accuracy(rankings: Sequence[Ranking]) -> Plot | None:
    """Draw a panel for each ranking: fast backends are on the left, accurate ones at the top.

    Where the models have no accuracy, their loss is drawn, and a lower one is better.
    """
    panels = {ranking: points for ranking in rankings if (points := _points(ranking))}
    if not panels:
        return None
    columns = min(2, len(panels))
    rows = math.ceil(len(panels) / columns)
    shown = list(dict.fromkeys(ranking.quality for ranking in panels if ranking.quality))
    backends = sorted({cell.backend for points in panels.values() for cell, _, _ in points})

    def draw(figure: Figure) -> None:
        grid = figure.subplots(rows, columns, squeeze=False)
        for number, (axes, (ranking, points)) in enumerate(zip(grid.flat, panels.items(), strict=False)):
            for cell, x, y in points:
                axes.plot(x, y, marker=colours.marker(cell.backend), color=colours.of_competitor(cell.competitor))
            axes.set_title(_short(ranking.title, 30), fontsize=8.5, loc="left")
            axes.set_xlabel("training seconds per epoch" if number + columns >= len(panels) else "")
            axes.set_xlim(0, 1.1 * max(x for _, x, _ in points))
            if ranking.quality and len(shown) > 1:
                axes.set_ylabel(f"final {ranking.quality.short}", fontsize=8.5)
            axes.margins(y=0.2)
            axes.xaxis.set_major_locator(ticks(4))
            axes.yaxis.set_major_locator(ticks(3))
            axes.ticklabel_format(useOffset=False)
        for axes in list(grid.flat)[len(panels) :]:
            axes.set_visible(False)
        if len(shown) == 1:
            figure.supylabel(f"final {shown[0].name}", fontsize=9.5)
        handles = [
            Line2D([], [], linestyle="", marker=colours.marker(name), color=colours.colour(name), label=name)
            for name in backends
        ]
        legend(figure, handles)

    told = "; ".join(
        f"{ranking.title}, {cell.competitor}: {rounded(x)} s, {y:.4f}"
        for ranking, points in panels.items()
        for cell, x, y in points
    )
    what = " and ".join(dict.fromkeys("accuracy" if quality is ACCURACY else "loss" for quality in shown))
    return render("speed-accuracy", f"Speed against {what}", told, draw, 0.6 + 1.6 * rows)


def _points(ranking: Ranking) -> list[tuple[Cell, float, float]]:
    metric = ranking.quality.metric if ranking.quality else ""
    return [
        (cell, cell.seconds.value, median(values))
        for cell in ranking.measured
        if cell.seconds and (values := cell.last(metric)) and all(map(finite, values))
    ]


def matrix(rankings: Sequence[Ranking]) -> Plot | None:
    """Draw rankings by backends: how many times as long as the fastest; rankings of variants are left out."""
    rankings = [one for one in rankings if all(cell.competitor == cell.backend for cell in one.measured)]
    if len(rankings) < 2:
        return None
    competitors = sorted({cell.competitor for ranking in rankings for cell in ranking.measured})

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.grid(False)
        for row, ranking in enumerate(rankings):
            for column, competitor in enumerate(competitors):
                found = ranking.ratios.get(competitor)
                if found is None:
                    axes.text(column, row, NOTHING, ha="center", va="center")
                    continue
                shade = min(1.0, max(0.0, found.value - 1) / 4)  # five times as long, and more, is darkest
                corner, alpha = (column - 0.47, row - 0.44), 0.08 + 0.72 * shade
                axes.add_patch(Rectangle(corner, 0.94, 0.88, facecolor="#d55e00", alpha=alpha, linewidth=0))
                text = "1" if found.value == 1 else interval(found.value, found.low, found.high)[0]
                axes.text(column, row, text, ha="center", va="center", weight="bold" if text == "1" else "normal")
        axes.set_xlim(-0.5, len(competitors) - 0.5)
        axes.set_ylim(len(rankings) - 0.5, -0.5)
        axes.set_xticks(range(len(competitors)), competitors, rotation=40, ha="left", rotation_mode="anchor")
        axes.set_yticks(range(len(rankings)), [_short(ranking.title, _TITLE) for ranking in rankings])
        axes.xaxis.tick_top()
        for side in axes.spines.values():
            side.set_visible(False)

    told = "; ".join(
        f"{ranking.title}: " + ", ".join(f"{name} {rounded(found.value)}" for name, found in ranking.ratios.items())
        for ranking in rankings
    )
    height = 0.3 + 0.055 * max(map(len, competitors)) + 0.4 * len(rankings)
    return render("matrix", "Times as long as the fastest", told, draw, height)


def _short(title: str, most: int) -> str:
    """Return a title in two lines: the model, and what distinguishes this ranking of it."""
    lines = title.split(" · ", 1)
    return "\n".join(shortened(" ".join(line.split()), most) for line in lines)
