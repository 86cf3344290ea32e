"""A worker's events: what is read is whole, and everything else is a ValueError."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasbench.process import events
from kerasbench.worker import protocol
from tests.examples import examples

_KINDS = (
    protocol.READY, protocol.BUILT, protocol.PROBED, protocol.EPOCH, protocol.LOSSES, protocol.FINISHED,
    protocol.FAILED, protocol.KERNELS,
)  # fmt: skip
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
_EPOCH = {
    "epoch": 1, "started_at": 1.0, "ended_at": 2.0, "epoch_seconds": 1.0, "includes_validation": False,
    "logs": {"loss": float("nan"), "val_loss": 1}, "memory": {"epoch_end_rss_mib": 400.5},
}  # fmt: skip


@settings(max_examples=examples(100), deadline=None)
@given(line=st.binary() | _JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_a_line_holds_it_is_an_event_or_a_value_error(line: bytes) -> None:
    try:
        assert isinstance(events.read(line), dict)
    except ValueError:
        pass


@settings(max_examples=examples(100), deadline=None)
@given(kind=st.sampled_from(_KINDS), names=st.lists(st.sampled_from(sorted(_EPOCH))), value=_JSON)
def test_an_event_with_any_fields_is_whole_or_a_value_error(kind: str, names: list[str], value: object) -> None:
    line = protocol.encode(kind, **(_EPOCH | dict.fromkeys(names, value)))
    try:
        event = events.read(line)
    except ValueError:
        return
    if kind == protocol.EPOCH:
        assert all(isinstance(float(value), float) for value in event["logs"].values())
        assert event["epoch_seconds"] > 0


@pytest.mark.parametrize("missing", _EPOCH)
def test_an_event_that_lacks_a_field_is_named(missing: str) -> None:
    fields = {name: value for name, value in _EPOCH.items() if name != missing}
    with pytest.raises(ValueError, match=missing):
        events.read(protocol.encode(protocol.EPOCH, **fields))
    assert events.read(protocol.encode(protocol.EPOCH, **_EPOCH))["kind"] == protocol.EPOCH
