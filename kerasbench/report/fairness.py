"""The fairness cards: under which settings the competitors ran."""

from collections.abc import Iterable
from dataclasses import dataclass

from kerasbench.report.results import Ranking, Report
from kerasbench.vocabulary import Tag

_ASKED, _IN_FORCE = "settings.", Tag.IN_FORCE  # the params, and the tags


@dataclass(frozen=True)
class Setting:
    """One setting of one competitor: what was asked for, and what the framework said was in force."""

    asked: str
    in_force: str


@dataclass(frozen=True)
class Fairness:
    """The settings of some competitors, side by side.

    Attributes:
        titles: of the rankings that they hold for.
        cards: setting -> competitor -> what it was.
    """

    titles: list[str]
    competitors: list[str]
    cards: dict[str, dict[str, Setting]]


def cards(report: Report) -> list[Fairness]:
    """Return the settings side by side; rankings whose settings are the same share a card."""
    alike: dict[str, Fairness] = {}
    for ranking in report.rankings:
        card = _card(ranking)
        if card.cards:
            alike.setdefault(repr((card.competitors, card.cards)), card).titles.append(ranking.title)
    return list(alike.values())


def _card(ranking: Ranking) -> Fairness:
    cells = sorted(ranking.cells, key=lambda cell: cell.competitor)
    names = sorted(
        {key.removeprefix(_ASKED) for run in ranking.runs for key in run.params if key.startswith(_ASKED)}
        | {key.removeprefix(_IN_FORCE) for run in ranking.runs for key in run.tags if key.startswith(_IN_FORCE)}
    )
    cards = {
        name: {
            cell.competitor: Setting(
                _distinct(run.params.get(_ASKED + name) for run in cell.runs),
                _distinct(run.tags.get(_IN_FORCE + name) for run in cell.runs),
            )
            for cell in cells
        }
        for name in names
    }
    told = {name: card for name, card in cards.items() if any(one.asked or one.in_force for one in card.values())}
    return Fairness([], [cell.competitor for cell in cells], told)


def _distinct(values: Iterable[str | None]) -> str:
    return ", ".join(sorted({value for value in values if value not in (None, "None", "")}))
