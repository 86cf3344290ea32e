"""Which runs may be compared: one model, one data set, one machine, CPU or GPU, one set of settings."""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count
from typing import NamedTuple

from kerasbench.config.identity import NOT_COMPARED
from kerasbench.config.schema import Task
from kerasbench.report.results import FIRST, STEADY, Cell, Parity, Ranking, Report, ratio
from kerasbench.store.quality import ACCURACY
from kerasbench.store.runs import Run
from kerasbench.vocabulary import Kind, Metric, Tag


class _Key(NamedTuple):
    model: str
    hardware: str
    data: str
    settings: str
    processor: str  # cpu or gpu


_Group = tuple[_Key, str, list[Run]]  # what its runs have in common, what is ranked, the runs


def collect(uri: str, experiment: str, sweeps: Sequence[str] = (), accuracy: float | None = None) -> Report:
    """Read a store and return what it says.

    Args:
        uri: of the store.
        experiment: its name.
        sweeps: the ids of those wanted; none: all runs of the experiment.
        accuracy: the validation accuracy, of at most 1, until which the time is told; None: what most cells reach.

    Raises:
        UserError: the store cannot be read, or holds no such experiment, no such sweep, or nothing to report; or an
            accuracy is asked for, and no run has one.
    """
    from kerasbench.store import tracking  # noqa: F401 - before all else of MLflow: it keeps it from reporting its use
    from kerasbench.store.reading import read  # MLflow takes seconds to import
    from kerasbench.terminal.errors import UserError

    report = report_of(read(uri, experiment, sweeps), uri, experiment, sweeps)
    if not report.rankings and not report.certificate and not report.references:
        raise UserError(f"{experiment} in {uri} holds no runs yet: train something first (`make sweep`)")
    if accuracy is not None:
        accurate = [ranking for ranking in report.rankings if ranking.quality is ACCURACY]
        if not accurate:
            raise UserError(
                f"--accuracy {accuracy:g}: no run of {report.subject} has a {ACCURACY.metric}: leave it out"
            )
        for ranking in accurate:
            ranking.target = accuracy
    return report


def report_of(runs: Sequence[Run], uri: str, experiment: str, sweeps: Sequence[str] = ()) -> Report:
    """Return what some runs say; where they are from is only repeated in it."""
    references = [run for run in runs if run.tags.get(Tag.KIND) == Kind.REFERENCE]
    measured = [run for run in runs if run.measured]
    return Report(uri, experiment, tuple(sweeps), rankings(measured, references), certificate(runs), references)


def rankings(runs: Iterable[Run], references: Sequence[Run] = ()) -> list[Ranking]:
    """Return the rankings, by model; those of one model with the newest runs first."""
    groups: dict[_Key, list[Run]] = defaultdict(list)
    for run in _without_superseded(runs):
        groups[_key(run)].append(run)
    of_model: dict[str, list[_Group]] = defaultdict(list)
    for key, members in groups.items():
        for metric, some in _by_metric(members):
            of_model[key.model].append((key, metric, some))
    found = []
    for model in sorted(of_model):
        alike = sorted(of_model[model], key=lambda group: -max(run.started_at for run in group[2]))
        published = [run for run in references if run.model == model]
        found += [_ranking(group, alike, published) for group in alike]
    return _with_slugs(found)


def _without_superseded(runs: Iterable[Run]) -> Iterator[Run]:
    """Leave out each unfinished run that its sweep ran again later, and finished."""
    finished = set()
    for run in sorted(runs, key=lambda run: -run.started_at):
        job = (run.tags.get(Tag.SWEEP), run.tags.get(Tag.CONFIG_HASH), run.competitor)
        if run.finished and None not in job:
            finished.add(job)
        if run.finished or job not in finished:
            yield run


def _key(run: Run) -> _Key:
    settings = run.tags.get(Tag.COMPARISON_HASH) or str(sorted(_common(run).items()))
    machine, data = run.tags.get(Tag.FINGERPRINT, ""), run.tags.get(Tag.DATA_DIGEST, "")
    return _Key(run.model, machine, data, settings, run.processor)


def _common(run: Run) -> dict[str, str]:
    """Return the params that all runs of a ranking share."""
    varied = {part.partition("=")[0].lstrip("+") for part in re.split(r"[, ]+", run.variant)}
    apart = tuple(f"{name}." for name in (*NOT_COMPARED, *varied))
    return {key: value for key, value in run.params.items() if not f"{key}.".startswith(apart)}


def _by_metric(runs: list[Run]) -> list[tuple[str, list[Run]]]:
    """Split off finished runs of a single epoch: theirs carries the compilation, and is not ranked with steady ones."""
    first = [run for run in runs if run.finished and STEADY not in run.metrics]
    others = [run for run in runs if run not in first]
    if not first or any(run.finished for run in others):
        return [(STEADY, others)] + ([(FIRST, first)] if first else [])
    return [(FIRST, runs)]


def _by_environment(runs: list[Run]) -> list[tuple[list[Run], str]]:
    """Split a competitor's runs by their environments, each with what tells it apart: a version, else its digest.

    Runs of stores that have no such tag stay together.
    """
    groups: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.tags.get(Tag.ENVIRONMENT, "")].append(run)
    if len(groups.keys() - {""}) < 2:
        return [(runs, "")]
    versions = (("keras", Tag.KERAS_VERSION), (runs[0].backend, Tag.BACKEND_VERSION))
    differing = [(name, tag) for name, tag in versions if len({run.tags.get(tag) for run in runs}) > 1]
    labels = [" ".join(f"{name}={some[0].tags.get(tag, '-')}" for name, tag in differing) for some in groups.values()]
    if len(set(labels)) < len(labels):
        labels = [f"{label} environment={key[:6] or '-'}".lstrip() for label, key in zip(labels, groups, strict=True)]
    return list(zip(groups.values(), labels, strict=True))


def _ranking(group: _Group, alike: list[_Group], published: list[Run]) -> Ranking:
    key, metric, runs = group
    competitors: dict[str, list[Run]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.started_at):
        competitors[run.competitor].append(run)
    cells = [Cell(metric, *alone) for members in competitors.values() for alone in _by_environment(members)]
    # By ratio, not by seconds: a backend that missed a slow round has the shorter seconds, and is not faster.
    most = max(cells, key=lambda cell: len(cell.samples))
    cells.sort(key=lambda cell: (ratio(cell, most).value if cell.samples else math.inf, cell.competitor))
    what, title = _distinction(group, alike)
    return Ranking(" · ".join([key.model, *title]), "", key.model, metric, cells, " and ".join(what), published)


def _distinction(group: _Group, alike: list[_Group]) -> tuple[list[str], list[str]]:
    """Return in what a ranking differs from the others of its model, and its own value of each, for its title."""
    key, metric, runs = group
    example, what, title = runs[0], [], []
    devices = sorted({other.processor.upper() for other, _, _ in alike})
    if len(devices) > 1:
        what.append(f"device ({' or '.join(devices)})")
        title.append(key.processor.upper())
    if len({other.hardware for other, _, _ in alike}) > 1:
        what.append("hardware")
        title.append(_hardware_name(example, key, alike))
    if len({other.data for other, _, _ in alike}) > 1:
        what.append("data")
        title.append(f"{example.tags.get(Tag.DATA_NAME, 'data')} {key.data[:6]}".strip())
    if len({other.settings for other, _, _ in alike}) > 1:
        settings = [_common(members[0]) for _, _, members in alike]
        own = _common(example)
        names = sorted({name for one in settings for name in one})
        varying = [name for name in names if len({one.get(name) for one in settings}) > 1 and not _derived(name)]
        if varying:
            what.append(f"settings ({', '.join(varying)})")
        elif len(devices) == 1:
            what.append("settings")
        title += [f"{name}={own.get(name, '-')}" for name in varying[:3]]
    if len({other for _, other, _ in alike}) > 1:
        what.append("number of epochs")
        title += ["first epochs"] if metric == FIRST else []
    return what, title


def _derived(name: str) -> bool:
    """Whether a param only repeats what data digest and model name already tell."""
    return name.startswith(("data.options", "data.name", "data.loader", "model.name", "model.module"))


def _hardware_name(example: Run, key: _Key, alike: list[_Group]) -> str:
    name = hardware_name(example)
    others = {hardware_name(runs[0]) for other, _, runs in alike if other.hardware != key.hardware}
    return f"{name} ({key.hardware[:6]})" if name in others else name


def hardware_name(run: Run) -> str:
    """Return a machine in a few words: its GPU, or else its processor and cores."""
    gpu = run.tags.get(Tag.GPU, "none")
    if gpu != "none":
        return gpu
    cpu = re.sub(r"\((R|TM)\)| CPU| Processor| @ .*", "", run.tags.get(Tag.CPU, "unknown machine"))
    cores = run.tags.get(Tag.CORES)
    return f"{cpu}, {cores} cores" if cores else cpu


def _with_slugs(found: list[Ranking]) -> list[Ranking]:
    taken: set[str] = set()
    for ranking in found:
        plain = re.sub(r"[^a-z0-9]+", "-", ranking.title.lower()).strip("-")[:60]
        numbered = chain([plain], (f"{plain}-{number}" for number in count(2)))
        ranking.slug = next(name for name in numbered if name not in taken)
        taken.add(ranking.slug)
    return found


def certificate(runs: Iterable[Run]) -> list[Parity]:
    """Return what the newest sweep says of each competitor and model: of its runs, all that ended count."""
    newest: dict[tuple[str, str], list[Run]] = {}
    for run in sorted(runs, key=lambda run: run.started_at):
        if run.tags.get(Tag.TASK) == Task.parity.value and run.status in ("FINISHED", "FAILED"):
            beside = newest.setdefault((run.model, run.competitor), [])
            beside[:] = [other for other in beside if other.tags.get(Tag.SWEEP) == run.tags.get(Tag.SWEEP)] + [run]
    return [_parity(beside) for _, beside in sorted(newest.items())]


def _parity(runs: list[Run]) -> Parity:
    example = runs[-1]
    failed = [run for run in runs if not run.finished]
    deviations = [
        run.metrics[Metric.PARITY_MAX_DEVIATION] for run in runs if Metric.PARITY_MAX_DEVIATION in run.metrics
    ]
    return Parity(
        backend=example.backend,
        competitor=example.competitor,
        model=example.model,
        passed=not failed,
        deviation=max(deviations, default=None),
        reference=example.params.get("parity.reference", ""),
        tolerance=example.params.get("parity.tolerance", ""),
        reason="; ".join(dict.fromkeys(run.tags.get(Tag.FAILURE, "") for run in failed)),
        at=example.started_at,
    )
