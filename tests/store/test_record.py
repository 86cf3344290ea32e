"""The durable record of a run: what survives, and what a reader makes of a damaged one."""

import json
import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasbench.store.record import EVENTS, SYNCED, Progress, Record
from kerasbench.terminal.errors import UserError
from tests.examples import examples


def test_what_was_appended_is_read_back_in_order(tmp_path: Path) -> None:
    record = Record(tmp_path)
    record.append({"op": "tags", "tags": {"a": "b"}})
    record.append({"op": "end", "status": "FINISHED", "at": 1})
    record.close()
    assert [operation["op"] for operation in Record(tmp_path).operations()] == ["tags", "end"]


def test_a_line_that_was_cut_off_does_not_count(tmp_path: Path) -> None:
    Record(tmp_path).append({"op": "tags", "tags": {}})
    with (tmp_path / EVENTS).open("ab") as file:
        file.write(b'{"version": 1, "op": "en')
    assert len(Record(tmp_path).operations()) == 1


@settings(max_examples=examples(100), deadline=None)
@given(content=st.binary(max_size=300))
def test_whatever_the_file_holds_it_is_read_or_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("record")
    (folder / EVENTS).write_bytes(content)
    (folder / SYNCED).write_bytes(content)
    try:
        assert isinstance(Record(folder).operations(), list)
    except UserError as error:
        assert str(folder / EVENTS) in str(error)
    assert isinstance(Record(folder).progress, Progress)


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / EVENTS).write_text(json.dumps({"version": 99, "op": "end"}) + "\n")
    with pytest.raises(UserError, match="version 99"):
        Record(tmp_path).operations()


def _owned_by_another(folder: Path, answer: "multiprocessing.Queue[bool]") -> None:
    with Record(folder).owned() as mine:
        answer.put(mine)


@pytest.mark.slow
def test_one_process_at_a_time_owns_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    answer: multiprocessing.Queue[bool] = context.Queue()
    with Record(tmp_path).owned() as mine:
        assert mine
        other = context.Process(target=_owned_by_another, args=(tmp_path, answer))
        other.start()
        assert answer.get(timeout=60) is False
        other.join()


def test_progress_that_is_lost_is_no_progress(tmp_path: Path) -> None:
    record = Record(tmp_path)
    record.advance(Progress(3, "run"))
    assert record.progress == Progress(3, "run")
    (tmp_path / SYNCED).write_text('{"applied": "')
    assert record.progress == Progress()
