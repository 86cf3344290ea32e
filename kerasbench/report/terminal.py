"""The report in a terminal: one table a ranking."""

from collections.abc import Iterator

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from kerasbench.config import colours
from kerasbench.report import differences, sections, variants, verdicts
from kerasbench.report.columns import Column, columns
from kerasbench.report.results import Ranking, Report


def tables(report: Report) -> list[RenderableType]:
    """Return what to print: for each ranking its verdict, table and warnings, and then what did not finish."""
    shown: list[RenderableType] = [
        Group(
            _head(ranking),
            _Fitted(ranking),
            *(Text(one.sentence) for one in variants.effects(ranking)),
            *(Text(line, style="yellow") for line in sections.warnings_of(ranking)),
        )
        for ranking in report.rankings
    ]
    lines = [Text(line, style="yellow") for line in sections.separations(report)]
    lines += [Text(f"{one['name']}: {one['reason']}", style="red") for one in sections.failures(report)]
    return [*shown, *lines]


def _head(ranking: Ranking) -> Text:
    before = {"data": "", "examples": "data.train_samples=", "machine": ""}
    conditions = " · ".join(before[name] + value for name, value in sections.conditions(ranking) if name in before)
    head = Text.assemble((ranking.title, "bold"), f"  {conditions}\n", verdicts.sentence(ranking))
    for line in filter(None, [*differences.lines(ranking), verdicts.quality(ranking)]):
        head.append(f"\n{line}")
    return head


class _Fitted:
    """A ranking's table in the room that the terminal has."""

    def __init__(self, ranking: Ranking) -> None:
        self._ranking = ranking

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = options.update(max_width=10_000)
        for table in _narrower(self._ranking):
            if Measurement.get(console, wide, table).maximum <= options.max_width:
                break
        yield table


def _narrower(ranking: Ranking) -> Iterator[Table]:
    """Yield the table ever narrower: names break first, and then the columns go that matter least."""
    shown = columns(ranking, brief=True)
    yield _table(ranking, shown, broken=False)
    while shown:
        yield _table(ranking, shown, broken=True)
        shown.remove(min(shown, key=lambda column: column.brief))


def _table(ranking: Ranking, shown: list[Column], broken: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("backend", no_wrap=True)
    for column in shown:
        table.add_column(column.head(ranking).replace(" ", "\n"), justify="right", no_wrap=True)
    for cell in ranking.cells:
        name = "\n  ".join([cell.backend, *cell.variant.split()]) if broken else cell.competitor
        values = [column.of(ranking, cell) for column in shown]
        texts = [Text.assemble(value.text, (f" {value.detail}" if value.detail else "", "dim")) for value in values]
        for text, value in zip(texts, values, strict=True):
            text.stylize("yellow" if value.warning else "")
        square = ("\N{BLACK SQUARE} ", colours.of_competitor(cell.competitor))
        table.add_row(Text.assemble(square, name), *texts, style="" if cell.samples else "red")
    return table
