"""One look for all plots: each is an SVG that fits into a page, and a PNG."""

import html
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

INK = "#1f2328"  # on the page, the page's text colour
WIDTH = 5.0  # inches
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # names are free text, and may hold a `$`
    "figure.constrained_layout.use": True,
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.12,
    "grid.linewidth": 0.6,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
    **dict.fromkeys(
        ("axes.edgecolor", "axes.labelcolor", "text.color", "xtick.color", "ytick.color", "grid.color"), INK
    ),
}
_LEGEND_CHARACTERS = 70  # a line of the legend


@dataclass(frozen=True)
class Plot:
    """One plot.

    Attributes:
        name: of its files, without the ending.
        title: what it shows, in a few words.
        text: its figures, for readers who cannot see it.
        svg, png: the contents of its files.
    """

    name: str
    title: str
    text: str
    svg: str
    png: bytes

    @property
    def inline(self) -> str:
        """The SVG as a part of a page: its ids are unique there, its ink is the page's, and its text is read aloud."""
        svg = self.svg[self.svg.index("<svg") :]
        svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, count=1, flags=re.DOTALL)  # for a file alone
        svg = re.sub("<[^>]+>", lambda tag: self._adapted(tag[0]), svg)  # names between the tags stay as they are
        (box,) = re.findall(r'viewBox="[^"]+"', svg[: svg.index(">")])
        title, text = html.escape(self.title), html.escape(self.text)
        head = f'<svg {box} role="img" aria-label="{title}" aria-describedby="{self.name}-text">'
        return f"{head}<title>{title}</title><desc id='{self.name}-text'>{text}</desc>{svg[svg.index('>') + 1 :]}"

    def _adapted(self, tag: str) -> str:
        return re.sub(r'( id="|href="#|url\(#)', rf"\1{self.name}-", tag).replace(INK, "currentColor")


def render(name: str, title: str, text: str, draw: Callable[[Figure], None], height: float) -> Plot:
    """Draw a plot in matplotlib's default style and our own, whatever the user's matplotlibrc says.

    Args:
        name: of its files, without the ending.
        title: what it shows, in a few words.
        text: its figures, for readers who cannot see it.
        draw: draws on an empty figure.
        height: in inches, without a legend.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({**_STYLE, "svg.hashsalt": name, "svg.id": name})
        figure = Figure(figsize=(WIDTH, height))
        draw(figure)
        svg, png = io.StringIO(), io.BytesIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(svg, format="svg", transparent=True, metadata=nothing)
        figure.set_layout_engine("none")  # it is laid out already
        figure.savefig(png, format="png", dpi=160, facecolor="white", pil_kwargs={"compress_level": 1})
    plain = re.sub(r"<!--.*?-->\s*", "", svg.getvalue(), flags=re.DOTALL)
    opaque = plain.replace("<svg ", '<svg style="background: white" ', 1)
    return Plot(name, title, f"{text}.", opaque, png.getvalue())


def ticks(most: int, integer: bool = False) -> MaxNLocator:
    """Return where an axis has its ticks: at round numbers."""
    return MaxNLocator(most, integer=integer, steps=(1, 2, 2.5, 5, 10))


def shortened(text: str, most: int) -> str:
    """Return a text in at most so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def legend(figure: Figure, handles: Sequence[Artist]) -> None:
    """Put a legend below a figure, which grows by its height."""
    longest = max(len(str(handle.get_label())) for handle in handles)
    columns = max(1, min(4, _LEGEND_CHARACTERS // (longest + 6)))
    figure.set_figheight(figure.get_figheight() + 0.19 * -(-len(handles) // columns) + 0.1)
    spacing = {"handlelength": 2.0, "columnspacing": 1.2, "handletextpad": 0.5}
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, **spacing)
