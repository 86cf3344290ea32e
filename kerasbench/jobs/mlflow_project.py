"""What a sweep leaves in the run that `mlflow run` made for it, which becomes its summary."""

from collections.abc import Iterator, Sequence

from kerasbench.config.schema import Config, Task
from kerasbench.store import pages
from kerasbench.store.notes import code, escaped, prose
from kerasbench.tasks.outcome import Outcome
from kerasbench.terminal import progress
from kerasbench.terminal.errors import UserError, one_line


def begin(config: Config) -> None:
    """Mark the run as the sweep's, if there is one, before the first job.

    Raises:
        UserError: the store has no such run.
    """
    if config.sweep.summary and config.sweep.id:
        from kerasbench.store import summary  # imports MLflow

        summary.begin(config.tracking, config.sweep.summary, config.sweep.id)


def conclude(outcomes: Sequence[Outcome], config: Config) -> None:
    """Note in the run, if there is one, how the sweep ended; an unavailable store is only a warning."""
    if not config.sweep.summary:
        return
    from kerasbench.store import summary

    try:
        summary.conclude(config.tracking, config.sweep.summary, "\n".join(_note(outcomes, config)))
    except UserError as error:
        progress.console().print(f"[yellow]no summary in mlflow's run: {one_line(error)}", soft_wrap=True)


def _note(outcomes: Sequence[Outcome], config: Config) -> Iterator[str]:
    from kerasbench.store.tracking import open_store

    finished, sweep = sum(one.status == "FINISHED" for one in outcomes), str(config.sweep.id)
    page = pages.comparison_url(open_store(config.tracking, artifacts=False)[1], sweep, server="")
    yield f"Sweep {code(sweep)}: {finished} of {len(outcomes)} jobs finished; [its runs]({page}).\n"
    if config.task is Task.train and finished:
        yield from _verdicts(sweep, config)
    for one in outcomes:
        name = escaped(f"{one.competitor} · {one.model} · seed {one.seed}")
        if one.deviation is not None:
            yield f"- {name}: {'pass' if one.status == 'FINISHED' else 'FAIL'}, largest deviation {one.deviation:.0e}"
        elif one.status != "FINISHED":
            yield f"- {name}: {one.status} {escaped(one.failure)}"


def _verdicts(sweep: str, config: Config) -> Iterator[str]:
    from kerasbench import report

    compared = report.collect(config.tracking.uri, config.tracking.experiment, [sweep])
    for ranking in compared.rankings:
        yield f"- **{escaped(ranking.title)}**: {prose(report.sentence(ranking))}"
