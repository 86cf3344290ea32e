"""What stands below the rankings: failures, warnings, machines, and how to do it again."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from statistics import median
from typing import Any

from kerasbench import stats
from kerasbench.report.certificate import probe
from kerasbench.report.columns import STEADIER
from kerasbench.report.grouping import hardware_name
from kerasbench.report.results import Cell, Ranking, Report
from kerasbench.report.rounding import power
from kerasbench.store.runs import Run
from kerasbench.vocabulary import Metric, Tag

_GROWTHS = {
    Metric.RSS_GROWTH_MIB: "the memory of its process",
    Metric.DEVICE_GROWTH_MIB: "the GPU memory of its arrays",
}


def failures(report: Report) -> list[dict[str, str]]:
    """Return name, status, reason and ranking of the runs that did not finish."""
    return [
        {"ranking": ranking.title, "name": run.name, "status": run.status, "reason": _reason(run)}
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
        "RUNNING": "still running, or lost without an error message",
        "FINISHED": "it recorded no epoch time",
    }
    return run.tags.get(Tag.FAILURE) or ended.get(run.status, "no reason was recorded")


def warnings(report: Report) -> list[str]:
    """Return the warnings of all rankings, one line each."""
    return [line for ranking in report.rankings for line in warnings_of(ranking)]


def warnings_of(ranking: Ranking) -> list[str]:
    """Return why the figures of a ranking deserve less trust, each with its figure and what to do about it."""
    lines = [*_devices(ranking), *_weights(ranking), *_unsteady(ranking)]
    for cell in ranking.cells:
        lines += [f"{ranking.title}, {cell.competitor}: {line}." for line in _of_cell(cell)]
    return lines


def _of_cell(cell: Cell) -> Iterator[str]:
    if cell.diverged:
        yield (
            f"the loss was no finite number in {cell.diverged} of {len(cell.measured)} runs; "
            "task=parity shows whether it computes the same"
        )
    if cell.tagged(Tag.VALIDATION):
        yield "its epochs include their validation, which this Keras does not tell apart; compare it without validation"
    if cell.devices > 1 and any(run.device == "cpu" for run in cell.measured):
        yield f"its {cell.devices} devices are simulated on the CPU; its times say nothing of {cell.devices} GPUs"
    for metric, what in _GROWTHS.items():
        growing = [run.metrics[metric] for run in cell.measured if metric in run.metrics]
        if growing:
            yield (
                f"{what} grows by {median(growing):.1f} MiB an epoch in {len(growing)} of {len(cell.measured)} runs; "
                "something keeps what each epoch makes"
            )
    noise = Counter(run.tags[Tag.NOISE] for run in cell.runs if Tag.NOISE in run.tags)
    for text, count in noise.most_common():
        result = "run again on a quiet machine" if cell.noisy else "the times leave them out"
        yield f"in {count} of {len(cell.runs)} runs {text.rstrip('.')}; {result}"
    several = [(cell.backend, Tag.BACKEND_VERSION), ("Keras", Tag.KERAS_VERSION)]
    in_force = dict.fromkeys(tag for run in cell.runs for tag in run.tags if tag.startswith(Tag.IN_FORCE))
    several += [(tag.removeprefix(Tag.IN_FORCE), tag) for tag in in_force]
    for what, tag in several:
        if len(values := cell.tagged(tag)) > 1:
            yield f"its runs mix {what} {', '.join(values)}; report one sweep alone (--sweep)"


def _weights(ranking: Ranking) -> list[str]:
    """Return a warning where the backends did not start from equal weights."""
    if len({run.backend for run in ranking.runs}) < 2:
        return []
    lines = []
    native = sorted({run.backend for run in ranking.runs if run.params.get("trainer.init") == "native"})
    measured = [run for cell in ranking.measured for run in cell.measured]
    unknown = sorted({run.backend for run in measured if Metric.PARITY_PROBE_LOSS not in run.metrics})
    found = probe(ranking, ("shared", "native"))
    told = [
        f"initial weights were drawn anew by {', '.join(native)} (trainer.init=native)" if native else "",
        f"the initial losses differ by {found.spread:.1%}" if native and found else "",
        f"starts not compared: runs of {', '.join(unknown)} have no {Metric.PARITY_PROBE_LOSS}" if unknown else "",
    ]
    if any(told):
        advice = "use trainer.init=shared to compare losses and accuracies, and else only times"
        lines.append(f"{ranking.title}: {'; '.join([*filter(None, told), advice])}.")
    if (shared := probe(ranking)) and not shared.passed:
        lines.append(
            f"{ranking.title}: the losses of the same initial weights differ by {power(shared.spread)}, more than "
            f"{power(shared.tolerance)}: the backends do not compute the same; task=parity shows which one deviates."
        )
    return lines


def _unsteady(ranking: Ranking) -> list[str]:
    """Return a warning of competitors whose runs differ among themselves."""
    unsteady = [f"{cell.competitor} {cell.variation:.1%}" for cell in ranking.cells if cell.unsteady]
    if not unsteady:
        return []
    return [
        f"{ranking.title}: equal runs differ by more than {stats.UNSTEADY:.0%} (coefficient of variation): "
        f"{', '.join(unsteady)}; {STEADIER}."
    ]


def _devices(ranking: Ranking) -> list[str]:
    """Return a warning where all computed on the CPU although the worker could see a GPU."""
    gpu = ranking.example.tags.get(Tag.GPU, "none")
    if gpu == "none" or not any(cell.measured[0].device == "cpu" for cell in ranking.measured):
        return []
    return [f"{ranking.title}: all computed on the CPU, none on {gpu}; install GPU builds to use it."]


def separations(report: Report) -> list[str]:
    """Return why a model has several rankings, in one line per model."""
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


def origins(report: Report) -> list[dict[str, Any]]:
    """Return the commands that the runs came from, with sweep, commit, date and number of runs, the newest first."""
    groups: dict[tuple[str, ...], list[Run]] = defaultdict(list)
    tags = (Tag.SWEEP, Tag.COMMAND, Tag.GIT_COMMIT, Tag.GIT_DIRTY)
    for run in report.runs:
        groups[tuple(run.tags.get(tag, "") for tag in tags)].append(run)
    newest_first = sorted(groups.items(), key=lambda group: -max(run.started_at for run in group[1]))
    return [
        {"sweep": sweep, "command": command, "commit": commit, "dirty": dirty == "true"}
        | {"at": day(min(run.started_at for run in runs)), "runs": len(runs)}
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
        ("calls of fit", common(_fits)),
        ("batch size", common(lambda run: run.params.get("trainer.batch_size"))),
        ("initial weights", common(lambda run: run.params.get("trainer.init"))),
        ("machine", common(hardware_name)),
    ]
    return [(name, value) for name, value in described if value and value != "None"]


def _fits(run: Run) -> str | None:
    last = run.metrics.get(Metric.FIT)
    return f"{last + 1:.0f}" if last else None


def _data(run: Run) -> str:
    name, source = run.tags.get(Tag.DATA_NAME, ""), run.tags.get(Tag.DATA_SOURCE)
    return f"{name} ({source})" if source else name
