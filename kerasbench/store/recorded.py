"""A run that is recorded first: what it reports is durable before the store is asked to keep it."""

import contextlib
import uuid
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kerasbench.config.schema import TrackingConfig
from kerasbench.credentials import without_credentials
from kerasbench.data import PreparedData
from kerasbench.machine.run_owner import owner
from kerasbench.store.record import Record
from kerasbench.store.tracking import milliseconds, open_store
from kerasbench.store.writer import Applying, Store, Writer
from kerasbench.terminal.errors import one_line
from kerasbench.vocabulary import Tag

_FAILING_SECONDS = 2.0  # how long to wait at the end for a store that fails at that moment


class RecordedRun:
    """One run: each call is written to the run's record, and handed on to the store beside the training.

    As a context manager it always ends the run, as KILLED if an interruption cuts it short, and then waits for the
    store. It has the methods of `TrackedRun`, which say what they keep.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        tags: dict[str, str],
        tracking: TrackingConfig,
        store: Store | None,
        warn: Callable[[str], None],
    ) -> None:
        """Begin the run.

        Args:
            folder: the run's output folder, which holds the record.
            name: of the run.
            tags: its first tags.
            tracking: the store.
            store: the same, open; None: it is opened beside the training.
            warn: called with one line when something is kept in one place only.
        """
        self._record = Record(folder)
        self._warn = warn
        self._patience = tracking.patience_seconds
        self._ended = self._recording_failed = False
        self._ownership = contextlib.ExitStack()
        self._ownership.enter_context(self._record.owned())
        with contextlib.suppress(OSError):  # then the new record cannot be written either, which is told
            self._record.set_aside()
        tags = {key: without_credentials(value) for key, value in tags.items()}
        tags |= {Tag.RECORD: uuid.uuid4().hex, Tag.OWNER: owner()}
        self._writer = Writer(lambda: Applying(store or open_store(tracking), self._record), tracking.batch_seconds)
        kept = asdict(tracking) | {"uri": without_credentials(tracking.uri)}
        self._do("run", name=without_credentials(name), tags=tags, at=milliseconds(), store=kept)

    @property
    def run_id(self) -> str:
        """Its id in the store; empty until the store has it."""
        return self._writer.run_id

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._ended:
            if isinstance(error, Exception):
                self.fail(f"{type(error).__name__}: {error}")
            else:
                self.end("KILLED" if error else "FINISHED")
        self._hand_on()

    def _hand_on(self) -> None:
        """Wait for the store for a while; what it does not take by then is handed on later."""
        try:
            patience = _FAILING_SECONDS if self._writer.problem else self._patience
            if not self._writer.close(patience):
                why = one_line(self._writer.problem) if self._writer.problem else f"no answer within {patience:g} s"
                self._warn(
                    f"kept locally, not yet in the store: {why}; `kerasbench sync {self._record.folder}` hands it on"
                )
        finally:
            self._record.close()
            self._ownership.close()

    def _do(self, operation: str, **arguments: Any) -> None:
        try:
            if not self._recording_failed:
                self._record.append({"op": operation} | arguments)
        except OSError as error:
            self._recording_failed = True
            self._warn(f"the run's record cannot be written ({error}): the store alone keeps the run")
        self._writer.put({"op": operation} | arguments)

    def params(self, params: dict[str, str]) -> None:
        """Log the settings."""
        self._do("params", params={key: without_credentials(value) for key, value in params.items()})

    def tags(self, tags: dict[str, str]) -> None:
        """Set tags."""
        self._do("tags", tags={key: without_credentials(value) for key, value in tags.items()})

    def metrics(self, metrics: dict[str, float], step: int = 0) -> None:
        """Log metrics of an epoch, counted from 1, or, at step 0, of the whole run."""
        self._do("metrics", metrics=dict(metrics), step=step, at=milliseconds())

    def dataset(self, data: PreparedData) -> None:
        """Name the data set."""
        self._do("dataset", data=asdict(data))

    def artifact(self, path: Path) -> None:
        """Keep a file."""
        self._do("artifact", path=str(path))

    def text(self, text: str, name: str) -> None:
        """Keep a text under a file name."""
        self._do("text", text=without_credentials(text), name=name)

    def fail(self, reason: str) -> None:
        """End the run as FAILED, the first line of the reason in its tag."""
        self.tags({Tag.FAILURE: reason.splitlines()[0] if reason else "unknown"})
        self.end("FAILED")

    def end(self, status: str) -> None:
        """End the run as FINISHED, FAILED or KILLED."""
        self._do("end", status=status, at=milliseconds())
        self._ended = True
