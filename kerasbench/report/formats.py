"""The report as Markdown, CSV and JSON."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kerasbench.report import differences, sections, variants, verdicts
from kerasbench.report.columns import COLUMNS, columns
from kerasbench.report.learning import learning
from kerasbench.report.results import STEADY, Cell, Ranking, Report
from kerasbench.report.rounding import power
from kerasbench.store.notes import escaped, prose
from kerasbench.vocabulary import Metric, Tag


def markdown(report: Report) -> str:
    """Return verdicts and tables as Markdown; names and other free text are escaped."""
    parts = [f"# Keras backends: {escaped(report.subject)}"]
    parts += [f"> {prose(line)}" for line in sections.separations(report)]
    for ranking in report.rankings:
        verdict, learned = verdicts.sentence(ranking), verdicts.quality(ranking)
        described = " · ".join(f"{name}: {value}" for name, value in sections.conditions(ranking))
        parts += [f"## {escaped(ranking.title)}", f"**{prose(verdict)}** {prose(learned)}".strip()]
        parts += [*_list(differences.lines(ranking)), prose(described), _markdown_table(ranking)]
        parts += _list(one.sentence for one in variants.effects(ranking))
        parts += [f"> Warning: {prose(line)}" for line in sections.warnings_of(ranking)]
    failed = _list("{name} ({ranking}): {status}, {reason}".format(**one) for one in sections.failures(report))
    parts += ["## Not finished", *failed] if failed else []
    if report.certificate:
        parts += ["## Parity", _parity_table(report)]
    return "\n\n".join(parts) + "\n"


def _list(lines: Iterable[str]) -> list[str]:
    text = "\n".join(f"- {prose(line)}" for line in lines)
    return [text] if text else []


def _markdown_table(ranking: Ranking) -> str:
    shown = columns(ranking)
    rows = [["backend", *(column.head(ranking) for column in shown)]]
    for cell in ranking.cells:
        values = [column.of(ranking, cell) for column in shown]
        texts = (f"{value.text} ({value.detail})" if value.detail else value.text for value in values)
        rows.append([cell.competitor, *texts])
    return _table(rows, ["---", *("---:" if column.numeric else "---" for column in shown)])


def _parity_table(report: Report) -> str:
    rows = [["model", "backend", "verdict", "largest deviation", "from", "at"]]
    for one in report.certificate:
        deviation = "" if one.deviation is None else power(one.deviation)
        verdict = "pass" if one.passed else f"FAIL: {one.reason}"
        rows.append([one.model, one.competitor, verdict, deviation, one.reference, sections.day(one.at)])
    return _table(rows, ["---", "---", "---", "---:", "---", "---"])


def _table(rows: Sequence[Sequence[str]], alignment: Sequence[str]) -> str:
    head, *body = ([escaped(text) for text in row] for row in rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, alignment, *body))


def as_csv(report: Report) -> str:
    """Return a line for each cell, with its unrounded figures."""
    rows = [_row(ranking, cell) for ranking in report.rankings for cell in ranking.cells]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["ranking"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _row(ranking: Ranking, cell: Cell) -> dict[str, Any]:
    run = cell.runs[0]
    row: dict[str, Any] = {
        "ranking": ranking.title,
        "model": ranking.model,
        "backend": cell.backend,
        "competitor": cell.competitor,
        Tag.DATA_DIGEST: run.tags.get(Tag.DATA_DIGEST, ""),
        Tag.FINGERPRINT: run.tags.get(Tag.FINGERPRINT, ""),
        "ranked_by": ranking.metric,
        "runs": len(cell.runs),
        "target_val_accuracy": ranking.target,
    }
    for column in COLUMNS:
        value = column.of(ranking, cell)
        row[column.key] = value.exact if column.numeric else value.text
        if column.has_interval:
            row |= {f"{column.key}.low": value.low, f"{column.key}.high": value.high}
    if ranking.metric != COLUMNS[0].key:  # the ranked figure is a first epoch, not a steady one
        row |= {Metric.FIRST_EPOCH_SECONDS: row[Metric.STEADY_EPOCH_SECONDS], Metric.STEADY_EPOCH_SECONDS: None}
        row |= {f"{STEADY}.low": None, f"{STEADY}.high": None}
    return row


def as_json(report: Report) -> str:
    """Return all figures, unrounded, and the samples behind them."""
    content = {
        "experiment": report.experiment,
        "sweeps": list(report.sweeps),
        "rankings": [_ranking(ranking) for ranking in report.rankings],
        "not_finished": sections.failures(report),
        "warnings": sections.warnings(report),
        "parity": [vars(one) for one in report.certificate],
        "learning": [vars(one) | {"alike": one.alike} for one in learning(report)],
        "origins": sections.origins(report),
        "hardware": sections.machines(report),
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _ranking(ranking: Ranking) -> dict[str, Any]:
    outcome, first = verdicts.outcome(ranking)
    return {
        "title": ranking.title,
        "model": ranking.model,
        "differs_in": ranking.differs_in,
        "ranked_by": ranking.metric,
        "quality": ranking.quality.metric if ranking.quality else None,
        "conditions": dict(sections.conditions(ranking)),
        "verdict": {
            "outcome": outcome,
            "first": [cell.competitor for cell in first],
            "sentence": verdicts.sentence(ranking),
            "treated_differently": differences.lines(ranking),
        },
        "target_val_accuracy": ranking.target,
        "variants": [
            {"variant": one.variant, "baseline": one.baseline, "outcome": one.outcome, "ratio": vars(one.ratio)}
            for one in variants.effects(ranking)
        ],
        "cells": [_row(ranking, cell) | {"samples": cell.samples, "phases": cell.phases} for cell in ranking.cells],
    }


FORMATS: dict[str, Callable[[Report], str]] = {"markdown": markdown, "csv": as_csv, "json": as_json}
