"""Finds the runs of a sweep that a command may continue."""

from kerasbench.config.schema import TrackingConfig
from kerasbench.store.reading import search
from kerasbench.store.runs import Run
from kerasbench.store.tracking import open_store
from kerasbench.vocabulary import Tag


def runs_of(tracking: TrackingConfig, cells: str) -> list[Run]:
    """Return the runs of all sweeps over the same cells, the newest first, without their histories.

    Raises:
        UserError: the store cannot be used.
    """
    client, experiment_id = open_store(tracking)
    found = search(client, experiment_id, f"tags.`{Tag.CELLS}` = '{cells}' and tags.{Tag.KIND} IS NULL")
    return sorted(found, key=lambda run: run.started_at, reverse=True)
