"""The page: one HTML file that loads nothing else."""

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from kerasbench.config import colours
from kerasbench.report import certificate, columns, differences, fairness, references, sections, variants, verdicts
from kerasbench.report.drawing import Plot
from kerasbench.report.learning import learning
from kerasbench.report.results import Report
from kerasbench.report.rounding import power
from kerasbench.store import pages

_HERE = Path(__file__).parent


def render(report: Report, general: Sequence[Plot], own: Mapping[str, Sequence[Plot]]) -> str:
    """Return the page.

    Args:
        report: what the page shows.
        general: the plots over all rankings.
        own: each ranking's plots, by its slug.
    """
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"code": _code, "exact": repr, "day": sections.day, "power": power}
    return environment.get_template("page.html.j2").render(
        report=report,
        made=sections.day(time.time()),
        general=general,
        own=own,
        style=Markup((_HERE / "page.css").read_text()),
        colour=colours.of_competitor,
        columns=columns,
        sections=sections,
        differences=differences,
        certificates=certificate,
        fairness=fairness,
        learning=learning(report),
        variants=variants,
        verdicts=verdicts,
        published=references,
        serve=pages.serve_command(report.uri, report.experiment),
        NOTHING=columns.NOTHING,
    )


def _code(text: str) -> Markup:
    """Return a text in HTML; parts between backticks become code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
