"""What each event of a worker must carry; an event that lacks it is no event."""

from numbers import Real
from typing import Any

from kerasbench.worker import protocol

_VERSIONS = ("keras_version", "keras_backend", "backend_version", "python_version")
_TEXTS = {protocol.READY: _VERSIONS, protocol.FAILED: ("reason",)}
_NUMBERS = {
    protocol.READY: ("started_at", "import_seconds"),
    protocol.BUILT: ("load_seconds", "build_seconds", "parameters", "examples"),
    protocol.PROBED: ("parity_probe_loss", "probe_seconds"),
    protocol.EPOCH: (
        "epoch", "started_at", "ended_at", "epoch_seconds", "validation_seconds",
        "loss", "accuracy", "val_loss", "val_accuracy",
    ),
    protocol.FINISHED: ("ended_at", "peak_rss_mib", "idle_seconds"),
}  # fmt: skip


def read(line: bytes) -> dict[str, Any]:
    """Return the event that a line holds.

    Raises:
        ValueError: the line is no event, has another protocol version, or lacks a field or has one of another type.
    """
    try:
        event = protocol.decode(line)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    kind = event["kind"]
    if not isinstance(kind, str):
        raise ValueError(f"its kind is {kind!r}")
    for name in _TEXTS.get(kind, ()):
        _check(kind, name, event, isinstance(event.get(name), str))
    for name in _NUMBERS.get(kind, ()):
        _check(kind, name, event, _is_number(event.get(name)))
    if kind == protocol.EPOCH:
        _check(kind, "epoch_seconds", event, event["epoch_seconds"] > 0)
    if kind == protocol.PROBED:
        in_force = event.get("in_force")
        texts = isinstance(in_force, dict) and all(isinstance(value, str) for value in in_force.values())
        _check(kind, "in_force", event, texts)
    if kind == protocol.LOSSES:
        losses = event.get("losses")
        _check(kind, "losses", event, isinstance(losses, list) and all(map(_is_number, losses)))
    return event


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, Real) and float(value) is not None
    except OverflowError:  # an integer of hundreds of digits
        return False


def _check(kind: str, name: str, event: dict[str, Any], holds: bool) -> None:
    if not holds:
        told = f"the event {kind!r} has {name}={event[name]!r:.50}" if name in event else f"{kind!r} lacks {name!r}"
        raise ValueError(told)
