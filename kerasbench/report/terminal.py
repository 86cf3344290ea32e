"""The report in a terminal: one table a ranking."""

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from kerasbench.report import colours, sections, verdicts
from kerasbench.report.columns import columns
from kerasbench.report.results import Ranking, Report


def tables(report: Report) -> list[RenderableType]:
    """Return what to print: for each ranking its verdict and its table, and then what did not finish."""
    shown: list[RenderableType] = [Group(_head(ranking), _table(ranking)) for ranking in report.rankings]
    lines = [Text(line, style="yellow") for line in [*sections.separations(report), *sections.warnings(report)]]
    lines += [Text(f"{one.name}: {one.reason}", style="red") for one in sections.failures(report)]
    return [*shown, *lines]


def _head(ranking: Ranking) -> Text:
    conditions = " · ".join(value for name, value in sections.conditions(ranking) if name in ("data", "machine"))
    head = Text.assemble((ranking.title, "bold"), f"  {conditions}\n", verdicts.sentence(ranking))
    accuracy = verdicts.accuracy(ranking)
    return head.append(f"\n{accuracy}") if accuracy else head


def _table(ranking: Ranking) -> Table:
    shown = columns(ranking, brief=True)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("backend", no_wrap=True)
    for column in shown:
        table.add_column(column.head(ranking), justify="right", no_wrap=True)
    for cell in ranking.cells:
        name = Text.assemble(("\N{BLACK SQUARE} ", colours.colour(cell.backend)), cell.competitor)
        values = [column.of(ranking, cell) for column in shown]
        texts = [Text.assemble(value.text, (f" {value.detail}" if value.detail else "", "dim")) for value in values]
        for text, value in zip(texts, values, strict=True):
            text.stylize("yellow" if value.warning else "")
        table.add_row(name, *texts, style="" if cell.samples else "red")
    return table
