"""A user's table."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasbench.config.schema import DataTask
from kerasbench.terminal.errors import UserError
from tests.data.own.conftest import Prepare, prepared
from tests.examples import examples

TOWNS = ("Aa", "Köln", "Ulm")


def _written(folder: Path, *lines: str, header: str = "rooms,town,year,price") -> Path:
    path = folder / "table.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def _houses(count: int = 50) -> list[str]:
    return [f"{number},{TOWNS[number % 3]},{2000 + number % 7},{100 + number / 2}" for number in range(count)]


def test_numbers_are_scaled_by_the_training_part_and_texts_become_one_hot(tmp_path: Path, own: Prepare) -> None:
    data, found = own(_written(tmp_path, *_houses()))
    assert data.targets == [{"name": "y", "task": "regression", "classes": None}]
    train, test = found["train_x"], found["test_x"]
    assert train.shape == (40, 5) and test.shape == (10, 5)
    for column in (0, 4):  # rooms and year, around the three towns
        assert abs(train[:, column].mean()) < 1e-6 and abs(train[:, column].std() - 1) < 1e-5
        assert abs(test[:, column].mean()) > 1e-6
    rooms = {part: (found[f"{part}_y"] - 100) * 2 for part in ("train", "test")}
    for part, numbers in rooms.items():
        assert np.array_equal(found[f"{part}_x"][:, 1:4], np.eye(3)[numbers.astype(int) % 3])
        expected = (numbers - rooms["train"].mean()) / rooms["train"].std()
        assert np.allclose(found[f"{part}_x"][:, 0], expected, atol=1e-5)
    plain = own(_written(tmp_path, *_houses()), scale="none")[1]
    assert set(plain["train_x"][:, 4]) == {2000.0 + year for year in range(7)}


@pytest.mark.parametrize(
    ("label", "task", "classes"),
    [("town", "classification", 3), ("year", "classification", 7), ("rooms", "regression", None),
     ("price", "regression", None)],
)  # fmt: skip
def test_the_label_column_says_what_is_learnt(
    tmp_path: Path, own: Prepare, label: str, task: str, classes: int | None
) -> None:
    data, _ = own(_written(tmp_path, *_houses()), label=label)
    assert data.targets == [{"name": "y", "task": task, "classes": classes}]
    if label != "town":
        other = DataTask.regression if classes else DataTask.classification
        if label != "price":
            assert own(_written(tmp_path, *_houses()), label=label, task=other)[0].targets[0]["task"] == other.value


def test_the_header_tells_the_separator_and_columns_can_be_left_out(tmp_path: Path, own: Prepare) -> None:
    lines = [f'{number};"a; b";{number % 2}' for number in range(10)]
    _, found = own(_written(tmp_path, *lines, "", header="\ufeffid;note;label"), options={"drop": ["id"]})
    assert found["train_x"].shape == (8, 1) and set(found["train_y"]) == {0, 1}


@pytest.mark.parametrize(
    ("lines", "settings", "named"),
    [
        (["1,Ulm,2000"], {}, "line 4, has 3 values for 4 columns"),
        ([",Ulm,2000,5.5"], {}, "line 4, column rooms is empty"),
        (["nan,Ulm,2000,5.5"], {}, "line 4, column rooms is nan"),
        (["1,Ulm,inf,5.5"], {}, "line 4, column year is inf"),
        (["NA,Ulm,2000,5.5"], {}, "column rooms, holds numbers, and in line 4: 'NA'"),
        (["1,Ulm,2000,"], {}, "price, the label, is empty in line 4"),
        (["1,Ulm,2000,?"], {}, "column price, holds numbers, and in line 4"),
        (["1,,2000,5.5"], {"label": "town"}, "town, the label, is empty in line 4"),
        ([f"1,town {number},2000,5.5" for number in range(200)], {}, r"column town, .* 100 .*drop=\[town\]"),
        (['1,"Ulm,2000,5'], {}, "table in UTF-8"),
        ([], {"label": "cost"}, "data.label=cost.*rooms, town, year, price"),
        ([], {"options": {"drop": ["cost"]}}, "drop=cost"),
        ([], {"options": {"drop": ["price"]}}, "drop=price is the label"),
        ([], {"options": {"drop": ["rooms", "town", "year"]}}, "no column besides"),
        ([], {"label": "town", "task": DataTask.regression}, "line 2, column town is 'Aa'"),
        ([], {"task": DataTask.binary}, "data.task=binary.*fractions"),
        ([], {"label": "year", "options": {"drop": ["price"]}, "task": DataTask.binary, "test_fraction": 0.5},
         "column year holds only 200"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_trained_on_is_refused_by_line_and_column(
    tmp_path: Path, own: Prepare, lines: list[str], settings: dict[str, Any], named: str
) -> None:
    with pytest.raises(UserError, match=named):
        own(_written(tmp_path, "3,Aa,2001,3.5", "4,Ulm,2002,4.5", *lines), **settings)


@pytest.mark.parametrize(
    ("content", "named"),
    [("", "first line"), ("a,b\n", "no rows"), ("a,,b\n1,2,3\n", "column 2"), ("a,a\n1,2\n", "two columns called a"),
     ("1,2\n3,4\n", "number 1"), ("a,b\n\xff", "utf-8"), ("a\n1\n", "no column besides")],
)  # fmt: skip
def test_a_table_needs_a_header_and_rows(tmp_path: Path, own: Prepare, content: str, named: str) -> None:
    (tmp_path / "table.csv").write_bytes(content.encode("latin-1"))
    with pytest.raises(UserError, match=named):
        own(tmp_path / "table.csv")


@given(
    st.binary(max_size=80)
    | st.text(st.sampled_from('ab1.5-e,;\t\n"\x00\r_ '), max_size=60).map(lambda text: ("a,b\n1,2\n" + text).encode())
)
@settings(max_examples=examples(60), deadline=None)
def test_no_text_crashes_the_reader(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.csv")
        path.write_bytes(content)
        try:
            prepared(path, Path(folder))
        except UserError as error:
            assert str(path) in str(error)
