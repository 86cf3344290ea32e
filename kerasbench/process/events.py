"""What each event of a worker must carry; an event that lacks it is no event."""

from numbers import Real
from typing import Any

from kerasbench.worker import protocol

_VERSIONS = ("keras_version", "keras_backend", "backend_version", "python_version")
_TEXTS = {protocol.READY: _VERSIONS, protocol.FAILED: ("reason",), protocol.KERNELS: ("device",)}
_NUMBERS = {
    protocol.READY: ("started_at", "import_seconds"),
    protocol.BUILT: ("load_seconds", "build_seconds", "parameters", "examples"),
    protocol.PROBED: ("parity_probe_loss", "probe_seconds"),
    protocol.EPOCH: ("epoch", "started_at", "ended_at", "epoch_seconds"),
    protocol.FINISHED: ("ended_at",),
    protocol.KERNELS: ("seconds",),
}
_OF_A_SCRIPT = ("before_fit_seconds", "epochs")  # what its event BUILT carries instead
# Numbers that an event may lack, or have as null.
_OPTIONAL = {
    protocol.EPOCH: ("validation_seconds", "augmentation_seconds", "examples", "epochs", "fit"),
    protocol.FINISHED: ("peak_rss_mib", "idle_seconds", "parameters"),
}


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
    of_a_script = kind == protocol.BUILT and _OF_A_SCRIPT[0] in event
    for name in _TEXTS.get(kind, ()):
        _check(event, name, isinstance(event.get(name), str))
    for name in _OF_A_SCRIPT if of_a_script else _NUMBERS.get(kind, ()):
        _check(event, name, _is_number(event.get(name)))
    for name in _OPTIONAL.get(kind, ()):
        _check(event, name, event.get(name) is None or _is_number(event[name]))
    if of_a_script or kind == protocol.PROBED:
        _check(event, "in_force", _maps(event.get("in_force"), lambda value: isinstance(value, str)))
    if kind == protocol.EPOCH:
        _check(event, "epoch_seconds", event["epoch_seconds"] > 0)
        _check(event, "includes_validation", isinstance(event.get("includes_validation"), bool))
        for name in ("logs", "memory"):
            _check(event, name, _maps(event.get(name), _is_number))
    if kind == protocol.KERNELS:
        _check(event, "deviations", _maps(event.get("deviations"), _is_number))
    if kind == protocol.LOSSES:
        losses = event.get("losses")
        _check(event, "losses", isinstance(losses, list) and all(map(_is_number, losses)))
    return event


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, Real) and float(value) is not None
    except OverflowError:  # an integer of hundreds of digits
        return False


def _maps(value: object, holds: Any) -> bool:
    return isinstance(value, dict) and all(map(holds, value.values()))


def _check(event: dict[str, Any], name: str, holds: bool) -> None:
    if not holds:
        kind = event["kind"]
        told = f"the event {kind!r} has {name}={event[name]!r:.50}" if name in event else f"{kind!r} lacks {name!r}"
        raise ValueError(told)
