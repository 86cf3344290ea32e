"""`kerasbench sync`: hands on to the store what runs have recorded and it does not have yet."""

import argparse
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kerasbench.config.schema import TrackingConfig
from kerasbench.credentials import without_credentials
from kerasbench.machine.run_owner import is_gone
from kerasbench.paths import work_path
from kerasbench.process.interruption import interruptible
from kerasbench.store.record import EVENTS, Operation, Record
from kerasbench.terminal.errors import UserError, one_line
from kerasbench.vocabulary import Tag

if TYPE_CHECKING:
    from kerasbench.store.writer import Store

_LOST = "its process ended without finishing the run: killed, out of memory, or the machine stopped"


def main(arguments: list[str] | None = None) -> None:
    """Replay what runs have recorded and their store lacks: each value once, with its own time and step."""
    parser = argparse.ArgumentParser(prog="kerasbench sync", description=main.__doc__)
    parser.add_argument(
        "folder", nargs="*", type=Path, metavar="DIR", help="output folders of runs or sweeps (default: outputs/)"
    )
    options = parser.parse_args(arguments)
    from kerasbench.config.composition import store
    from kerasbench.store.tracking import open_store

    with interruptible():
        folders = options.folder or [Path(work_path("outputs"))]
        missing = [folder for folder in folders if options.folder and not folder.is_dir()]
        if missing:
            raise UserError(f"{missing[0]} is not a folder. Name the output folder of a run or a sweep.")
        synced, failed = sync(folders, configured := store(None, None), print)
        end_lost_runs(open_store(configured))
        print(f"{synced} runs handed on to the store" + (f", {failed} are still only kept locally" if failed else ""))
        if failed:
            raise SystemExit(1)


def sync(
    folders: Sequence[Path], configured: TrackingConfig, announce: Callable[[str], None], seconds: float = math.inf
) -> tuple[int, int]:
    """Hand on every record below some folders that is not in its store yet, unless a living process owns it.

    Args:
        folders: searched with everything below them.
        configured: the store to use for records of the same address; it may hold the password that they do not.
        announce: called with a line for each record that could not be handed on.
        seconds: how long it may take; what is left then is not handed on.

    Returns:
        how many records were handed on, and how many could not be.
    """
    synced = failed = 0
    deadline = time.monotonic() + seconds
    for record in _unsynced(folders):
        with record.owned() as mine:
            if not mine:
                continue  # its run is going on
            try:
                synced += _hand_on(record, configured, deadline)
            except Exception as error:  # a store raises anything; the other records must have their turn
                failed += 1
                announce(f"{record.folder}: not handed on: {one_line(error)}")
    return synced, failed


def end_lost_runs(store: "Store", ended_sweep: str = "") -> int:
    """End the runs that are RUNNING in a store although their process is gone, as FAILED.

    A record, if there is one, is not needed for it.

    Args:
        store: the open store.
        ended_sweep: the id of a sweep whose jobs have all ended, on this or another machine.

    Returns:
        how many there were.
    """
    from kerasbench.store.tracking import TrackedRun

    client, experiment_id = store
    running = client.search_runs([experiment_id], f"attributes.status = 'RUNNING' and tags.{Tag.OWNER} != ''")
    tagged = [(run.info.run_id, run.data.tags) for run in running]
    lost = [
        run_id
        for run_id, tags in tagged
        if is_gone(tags[Tag.OWNER]) or (ended_sweep and tags.get(Tag.SWEEP) == ended_sweep)
    ]
    for run_id in lost:
        TrackedRun(store, "", {}, run_id=run_id).fail(_LOST)
    return len(lost)


def _unsynced(folders: Sequence[Path]) -> Iterator[Record]:
    for folder in folders:
        for file in sorted(folder.rglob(EVENTS)):
            record = Record(file.parent)
            if not record.progress.complete:
                yield record


def _hand_on(record: Record, configured: TrackingConfig, deadline: float) -> bool:
    """Apply what is missing; first complete the record of a run whose process died."""
    operations = record.operations()
    if not operations:
        return False
    begin = operations[0]
    if not any(operation["op"] == "end" for operation in operations):
        if not is_gone(begin["tags"].get(Tag.OWNER, "")):
            return False
        operations += _complete(record)
    from kerasbench.store.tracking import open_store
    from kerasbench.store.writer import Applying, batches

    kept = TrackingConfig(**begin["store"])
    same = without_credentials(configured.uri) == kept.uri
    store = open_store(replace(kept, uri=configured.uri) if same else kept)
    applying = Applying(store, record)
    for batch in batches(operations[applying.progress.applied :]):
        if time.monotonic() > deadline:
            raise UserError(f"the store is slow: it has {applying.progress.applied} of {len(operations)} events")
        applying.apply(batch)
    if operations[-1].get("status") == "FINISHED":
        _revoke_failure(store, applying.progress.run_id)
    applying.finish()
    return True


def _revoke_failure(store: "Store", run_id: str) -> None:
    """Delete the failure that another command found, which saw the run RUNNING without its process."""
    client, _ = store
    if client.get_run(run_id).data.tags.get(Tag.FAILURE) == _LOST:
        client.delete_tag(run_id, Tag.FAILURE)


def _complete(record: Record) -> list[Operation]:
    from kerasbench.store.tracking import milliseconds

    ends: list[Operation] = [
        {"op": "tags", "tags": {Tag.FAILURE: _LOST}},
        {"op": "end", "status": "FAILED", "at": milliseconds()},
    ]
    for operation in ends:
        record.append(operation)
    record.close()
    return ends
