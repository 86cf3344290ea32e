"""The stores of a command's runs, before the first job and after the last."""

import time
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from kerasbench.config.schema import Config, TrackingConfig
from kerasbench.paths import absolute, work_path
from kerasbench.terminal import progress
from kerasbench.terminal.errors import UserError

_SYNC_SECONDS = 10.0  # at least: a store that answers slowly gets some of what it lacks with each command


def are_new(configs: Sequence[Config]) -> bool:
    """Return whether the stores are SQLite files that do not exist yet."""
    uris = [tracking.uri for tracking in _stores(configs)]
    return all(uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists() for uri in uris)


def open_all(configs: Sequence[Config]) -> None:
    """Open the stores, and end the runs in them whose process is gone."""
    from kerasbench.store.sync import end_lost_runs
    from kerasbench.store.tracking import open_store
    from kerasbench.tasks import training  # noqa: F401 - what the first job would import

    for tracking in _stores(configs):
        end_lost_runs(open_store(tracking))


def end_lost(tracking: TrackingConfig, sweep: str) -> None:
    """End the runs of jobs that died on another machine, which cannot be asked whether their process lives."""
    from kerasbench.store.sync import end_lost_runs
    from kerasbench.store.tracking import open_store

    try:
        end_lost_runs(open_store(tracking, artifacts=False), sweep)
    except UserError as error:
        progress.current().lasting(f"[yellow]{escape(str(error))}")


def hand_on_earlier_runs(configs: Sequence[Config], own: str) -> None:
    """Upload the runs that earlier commands could not upload, or were killed before uploading.

    Args:
        configs: name the stores.
        own: this command's output folder, which an earlier command may have used, too.
    """
    outputs, folder = Path(work_path("outputs")), Path(absolute(own))
    for tracking in _stores(configs):
        hand_on([outputs] if folder.is_relative_to(outputs) else [outputs, folder], tracking, 0.0)


def _stores(configs: Sequence[Config]) -> list[TrackingConfig]:
    found = ((config.tracking.uri, config.tracking.experiment, config.tracking) for config in configs)
    return list({(uri, experiment): tracking for uri, experiment, tracking in found}.values())


def hand_on(folders: Sequence[Path], tracking: TrackingConfig, patience_seconds: float) -> None:
    """Upload the records in some folders to their store; on failure, retry for `patience_seconds`."""
    from kerasbench.store.sync import sync

    deadline = time.monotonic() + patience_seconds
    while True:
        problems: list[str] = []
        synced, failed = sync(folders, tracking, problems.append, max(_SYNC_SECONDS, patience_seconds))
        if synced:
            progress.current().lasting(f"{synced} runs that were kept locally are uploaded")
        if not failed or time.monotonic() >= deadline:
            break
        time.sleep(1)
    if failed:
        folder = " ".join(map(str, folders))
        progress.current().lasting(
            f"[yellow]{failed} runs are kept locally, not yet in the store ({escape(problems[0])}); "
            f"`kerasbench sync {escape(folder)}` uploads them"
        )
