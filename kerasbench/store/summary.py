"""The run that `mlflow run` makes for a project: it becomes the summary of the sweep that the project starts."""

from mlflow.exceptions import MlflowException

from kerasbench.config.schema import TrackingConfig
from kerasbench.credentials import without_credentials
from kerasbench.store.access import checked, connected, store_errors
from kerasbench.store.notes import NOTE
from kerasbench.store.tracking import TrackedRun, open_store
from kerasbench.terminal.errors import UserError
from kerasbench.vocabulary import Kind, Tag


def experiment_named(uri: str, experiment_id: str) -> str:
    """Return the name of a store's experiment.

    Raises:
        UserError: the store cannot be read, or has no such experiment.
    """
    with store_errors(uri, "cannot be read"):
        return str(connected(checked(uri, writing=False)).get_experiment(experiment_id).name)


def begin(tracking: TrackingConfig, run_id: str, sweep: str) -> None:
    """Mark a run as what summarises a sweep; like a report's, it is never ranked.

    Raises:
        UserError: the store cannot be used, or has no such run.
    """
    client, experiment_id = open_store(tracking, artifacts=False)
    try:
        client.get_run(run_id)
    except MlflowException as error:
        raise UserError(
            f"sweep.summary={run_id}: {without_credentials(tracking.uri)} has no such run; a store's file is named by "
            "its absolute path"
        ) from error
    TrackedRun((client, experiment_id), "", {}, run_id=run_id).tags({Tag.SWEEP: sweep, Tag.KIND: Kind.REPORT})


def conclude(tracking: TrackingConfig, run_id: str, note: str) -> None:
    """Keep a note on the sweep, as Markdown; the run goes on, and mlflow ends it.

    Raises:
        UserError: the store cannot be written.
    """
    TrackedRun(open_store(tracking, artifacts=False), "", {}, run_id=run_id).tags({NOTE: note})
