"""What stands below the rankings: failures, warnings, machines, and how to do it again."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from kerasbench.report.grouping import hardware_name
from kerasbench.report.results import Cell, Ranking, Report
from kerasbench.store.runs import Run
from kerasbench.vocabulary import Tag


@dataclass(frozen=True)
class Failure:
    """A run that did not finish."""

    ranking: str
    name: str
    status: str
    reason: str


def failures(report: Report) -> list[Failure]:
    """Return the runs that did not finish, each with its reason."""
    return [
        Failure(ranking.title, run.name, run.status, _reason(run))
        for ranking in report.rankings
        for run in ranking.runs
        if not run.finished
    ]


def reasons(cell: Cell) -> list[str]:
    """Return why a cell has no figure, equal reasons once."""
    return list(dict.fromkeys(f"{run.status}: {_reason(run)}" for run in cell.runs))


def _reason(run: Run) -> str:
    ended = {
        "KILLED": "interrupted",
        "RUNNING": "it has not ended, or was lost without a word",
        "FINISHED": "it has kept no time of an epoch",
    }
    return run.tags.get(Tag.FAILURE) or ended.get(run.status, "no reason was kept")


def warnings(report: Report) -> list[str]:
    """Return what lessens the trust in the figures, one line each."""
    lines = []
    for ranking in report.rankings:
        lines += _devices(ranking)
        for cell in ranking.cells:
            where = f"{ranking.title}, {cell.competitor}"
            if diverged := sum(run.diverged for run in cell.measured):
                lines.append(f"{where}: the loss was no finite number in {diverged} of {len(cell.measured)} runs.")
            if cell.unsteady:
                lines.append(f"{where}: its runs differ by {cell.variation or 0:.1%} (coefficient of variation).")
            noise = Counter(run.tags[Tag.NOISE] for run in cell.runs if Tag.NOISE in run.tags)
            for text, count in noise.most_common():
                lines.append(f"{where}: {text.rstrip('.')} ({count} of {len(cell.runs)} runs).")
            for what, tag in ((cell.backend, Tag.BACKEND_VERSION), ("Keras", Tag.KERAS_VERSION)):
                if len(versions := cell.tagged(tag)) > 1:
                    lines.append(f"{where}: runs under {what} {', '.join(versions)} are in one cell.")
            for tag in dict.fromkeys(tag for run in cell.runs for tag in run.tags if tag.startswith(Tag.IN_FORCE)):
                if len(values := cell.tagged(tag)) > 1:
                    name = tag.removeprefix(Tag.IN_FORCE)
                    lines.append(f"{where}: runs with {name} {', '.join(values)} in force are in one cell.")
    return lines


def _devices(ranking: Ranking) -> list[str]:
    """Return, in a line if any, that on a machine with a GPU some computed on the CPU."""
    device = {cell.competitor: cell.measured[0].device for cell in ranking.measured}
    on_cpu = ", ".join(name for name, where in device.items() if where == "cpu")
    on_gpu = ", ".join(name for name, where in device.items() if where not in ("", "cpu"))
    gpu = ranking.example.tags.get(Tag.GPU, "none")
    if not on_cpu or gpu == "none":
        return []
    if not on_gpu:
        return [f"{ranking.title}: all computed on the CPU, none on {gpu}."]
    return [f"{ranking.title}: {on_cpu} computed on the CPU, {on_gpu} on {gpu}: it is these that are compared."]


def separations(report: Report) -> list[str]:
    """Return why a model has several rankings, one line a model."""
    of_model: dict[str, list[Ranking]] = defaultdict(list)
    for ranking in report.rankings:
        of_model[ranking.model].append(ranking)
    return [
        f"{model} is in {len(some)} rankings: their runs differ in {some[0].differs_in}, and are not ranked together."
        for model, some in of_model.items()
        if len(some) > 1
    ]


def machines(report: Report) -> list[dict[str, str]]:
    """Return each machine's tags, under the part of their names after `hardware.`."""
    seen: dict[str, dict[str, str]] = {}
    for run in report.runs:
        tags = ((key.partition(Tag.HARDWARE)[2], value) for key, value in run.tags.items())
        described = {key: value for key, value in tags if key}
        if described:
            seen.setdefault(described.get("fingerprint", hardware_name(run)), described)
    return list(seen.values())


def versions(report: Report) -> list[tuple[str, str, str, str]]:
    """Return backend, Keras, framework and Python version of every combination that was used."""
    tags = (Tag.BACKEND, Tag.KERAS_VERSION, Tag.BACKEND_VERSION, Tag.PYTHON_VERSION)
    found = {tuple(run.tags.get(tag, "") for tag in tags) for run in report.runs if Tag.KERAS_VERSION in run.tags}
    return sorted(found)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Origin:
    """What some runs came from."""

    sweep: str
    command: str
    commit: str
    dirty: bool
    at: str
    runs: int


def origins(report: Report) -> list[Origin]:
    """Return the commands that the runs came from, the newest first."""
    groups: dict[tuple[str, ...], list[Run]] = defaultdict(list)
    tags = (Tag.SWEEP, Tag.COMMAND, Tag.GIT_COMMIT, Tag.GIT_DIRTY)
    for run in report.runs:
        groups[tuple(run.tags.get(tag, "") for tag in tags)].append(run)
    newest_first = sorted(groups.items(), key=lambda group: -max(run.started_at for run in group[1]))
    return [
        Origin(sweep, command, commit, dirty == "true", day(min(run.started_at for run in runs)), len(runs))
        for (sweep, command, commit, dirty), runs in newest_first
    ]


def day(at: float) -> str:
    """Return a date and time as a reader wants it."""
    return f"{datetime.fromtimestamp(at):%Y-%m-%d %H:%M}"


def conditions(ranking: Ranking) -> list[tuple[str, str]]:
    """Return what all runs of a ranking have in common; what its sweep varied is in their names."""

    def common(value: Callable[[Run], str | None]) -> str | None:
        values = {value(run) for run in ranking.runs}
        return values.pop() if len(values) == 1 else None

    described = [
        ("data", common(_data)),
        ("examples", common(lambda run: run.params.get("data.train_samples"))),
        ("epochs", common(lambda run: run.params.get("trainer.epochs"))),
        ("batch size", common(lambda run: run.params.get("trainer.batch_size"))),
        ("initial weights", common(lambda run: run.params.get("trainer.init"))),
        ("machine", common(hardware_name)),
    ]
    return [(name, value) for name, value in described if value and value != "None"]


def _data(run: Run) -> str:
    name, source = run.tags.get(Tag.DATA_NAME, ""), run.tags.get(Tag.DATA_SOURCE)
    return f"{name} ({source})" if source else name
