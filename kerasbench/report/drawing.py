"""How a plot is drawn: one look, as an SVG that can stand in a page, and as a PNG for sharing."""

import html
import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

INK = "#1f2328"  # becomes the page's own text colour
WIDTH = 5.0  # inches
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": INK,
    "grid.alpha": 0.12,
    "grid.linewidth": 0.6,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
}
_LEGEND_CHARACTERS = 70  # a line of the legend


@dataclass(frozen=True)
class Plot:
    """One plot.

    Attributes:
        name: of its files.
        title: what it shows.
        text: what it shows, for those who do not see it.
        svg, png: as files.
    """

    name: str
    title: str
    text: str
    svg: str
    png: bytes

    @property
    def inline(self) -> str:
        """The SVG as a part of a page: its ids its own, its ink the page's, its words read aloud."""
        svg = self.svg[self.svg.index("<svg") :]
        svg = re.sub(
            r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, count=1, flags=re.DOTALL
        )  # meant for a page of its own
        svg = re.sub(r' id="([^"]+)"', rf' id="{self.name}-\1"', svg)
        svg = re.sub(r'href="#([^"]+)"', rf'href="#{self.name}-\1"', svg)
        svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{self.name}-\1)", svg)
        (box,) = re.findall(r'viewBox="[^"]+"', svg[: svg.index(">")])
        words = f"<title>{html.escape(self.title)}</title><desc id='{self.name}-text'>{html.escape(self.text)}</desc>"
        head = (
            f'<svg {box} role="img" aria-label="{html.escape(self.title)}" aria-describedby="{self.name}-text">{words}'
        )
        return head + svg[svg.index(">") + 1 :].replace(INK, "currentColor")


@dataclass(frozen=True)
class Margins:
    """The room around and between axes, in inches."""

    left: float = 0.68
    bottom: float = 0.5
    top: float = 0.12
    right: float = 0.15
    between: tuple[float, float] = (0.0, 0.0)


def render(name: str, title: str, text: str, draw: Callable[[Figure], None], height: float, margins: Margins) -> Plot:
    """Draw a plot.

    Args:
        name: of its files.
        title: what it shows.
        text: what it shows, for those who do not see it.
        draw: draws on an empty figure.
        height: in inches.
        margins: around the axes.
    """
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name, "svg.id": name}):
        figure = Figure(figsize=(WIDTH, height))
        figure.subplots_adjust(
            left=margins.left / WIDTH,
            right=1 - margins.right / WIDTH,
            bottom=margins.bottom / height,
            top=1 - margins.top / height,
        )
        draw(figure)
        _spread(figure, margins)
        svg, png = io.StringIO(), io.BytesIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(svg, format="svg", transparent=True, metadata=nothing)
        figure.savefig(png, format="png", dpi=160, facecolor="white", pil_kwargs={"compress_level": 1})
    return Plot(name, title, f"{text}.", _standalone(svg.getvalue()), png.getvalue())


def _spread(figure: Figure, margins: Margins) -> None:
    """Leave room between panels; matplotlib counts it in parts of a panel's size."""
    place = figure.axes[0].get_subplotspec()
    if place is None or margins.between == (0.0, 0.0):
        return
    grid = place.get_gridspec()
    across, down = margins.between
    width = (WIDTH - margins.left - margins.right - across * (grid.ncols - 1)) / grid.ncols
    height = figure.get_figheight() - margins.bottom - margins.top - down * (grid.nrows - 1)
    figure.subplots_adjust(wspace=across / width, hspace=down / (height / grid.nrows))


def ticks(most: int, integer: bool = False) -> MaxNLocator:
    """Return where an axis has its ticks: at round numbers."""
    return MaxNLocator(most, integer=integer, steps=(1, 2, 2.5, 5, 10))


def legend_columns(names: Sequence[str]) -> int:
    """Return how many columns of a legend fit."""
    return max(1, min(4, _LEGEND_CHARACTERS // (max(map(len, names)) + 6)))


def legend_height(names: Sequence[str]) -> float:
    """Return the inches that a legend takes."""
    return 0.16 + 0.19 * math.ceil(len(names) / legend_columns(names))


def legend(axes: Axes, handles: Sequence[Any]) -> None:
    """Put a legend below the figure of some axes."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.legend(
        handles=handles,
        loc="lower center",
        ncols=legend_columns([str(handle.get_label()) for handle in handles]),
        handlelength=2.0,
        columnspacing=1.2,
        handletextpad=0.5,
    )


def _standalone(svg: str) -> str:
    """Return an SVG file without remarks, on white paper."""
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    return svg.replace("<svg ", '<svg style="background: white" ', 1)
