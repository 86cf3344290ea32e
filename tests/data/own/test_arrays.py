"""A user's .npz file: what is read, how it is encoded and divided, and what is refused."""

import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from numpy.typing import NDArray

from kerasbench.config.schema import DataTask
from kerasbench.terminal.errors import UserError
from kerasbench.worker import dataset
from tests.data.own.conftest import Prepare, prepared
from tests.examples import examples

NUMBERS = np.arange(12, dtype=np.float32).reshape(6, 2)
CLASSES = np.array([0, 1, 0, 1, 1, 0])


def _saved(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "mine.npz", **arrays)
    return folder / "mine.npz"


@given(
    x=arrays_of.arrays(
        st.sampled_from(["<f4", ">f4", "f8", "f2", "i8", ">i2", "u1", "?"]),
        arrays_of.array_shapes(min_dims=1, max_dims=4, max_side=5).map(lambda shape: (shape[0] + 1, *shape[1:])),
        elements={"allow_nan": False, "allow_infinity": False, "max_value": 100, "min_value": 0},
    ),
    by_columns=st.booleans(),
    compressed=st.booleans(),
)
@settings(max_examples=examples(30), deadline=None)
def test_every_array_arrives_as_it_was_saved(x: NDArray[Any], by_columns: bool, compressed: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mine.npz")
        stored = np.asfortranarray(x) if by_columns else x
        (np.savez_compressed if compressed else np.savez)(path, x_train=stored, y_train=np.arange(len(x)) % 2,
                                                          x_test=stored[:1], y_test=[0])  # fmt: skip
        data, found = prepared(path, Path(folder))
        rows = x if x.ndim > 1 else x[:, np.newaxis]
        scaled = rows.astype(np.float32) / np.float32(255 if x.dtype == np.uint8 and x.ndim > 2 else 1)
        assert np.array_equal(found["train_x"], scaled)
        assert np.array_equal(found["test_x"], scaled[:1])
        assert (data.train_examples, data.test_examples, data.source, data.inputs) == (len(x), 1, "own", ("x",))


@pytest.mark.parametrize(
    ("dtype", "rank", "scale", "expected", "divisor"),
    [
        ("u1", 4, "auto", "f4", 255), ("u1", 3, "auto", "f4", 255), ("u1", 4, "none", "f4", 1), ("u1", 4, "2", "f4", 2),
        ("u1", 2, "auto", "i4", 1), ("u1", 2, "2", "f4", 2), ("i8", 2, "auto", "i4", 1), ("i8", 3, "auto", "i4", 1),
        ("f4", 4, "auto", "f4", 1), ("f8", 2, "auto", "f4", 1), ("f8", 2, "2", "f4", 2), ("i8", 3, "2", "f4", 2),
    ],
)  # fmt: skip
def test_images_are_scaled_and_token_ids_never(
    tmp_path: Path, own: Prepare, dtype: str, rank: int, scale: str, expected: str, divisor: int
) -> None:
    x = np.arange(6 * 2 ** (rank - 1)).reshape(6, *[2] * (rank - 1)).astype(dtype)
    _, found = own(_saved(tmp_path, x_train=x, y_train=CLASSES, x_test=x, y_test=CLASSES), scale=scale)
    assert found["train_x"].dtype == np.dtype(expected)
    assert np.array_equal(found["train_x"], x.astype("f4") / np.float32(divisor))


@pytest.mark.parametrize(
    ("y", "asked", "task", "classes", "encoded"),
    [
        ([0, 1, 0, 1, 1, 0], "auto", "binary", 2, [0, 1, 0, 1, 1, 0]),
        ([[0.0], [1.0], [0.0], [1.0], [1.0], [0.0]], "auto", "binary", 2, [0, 1, 0, 1, 1, 0]),
        ([7, 3, 3, 9, 7, 9], "auto", "classification", 3, [1, 0, 0, 2, 1, 2]),
        ([-1, 1, 1, -1, 1, 1], "auto", "binary", 2, [0, 1, 1, 0, 1, 1]),
        (["dog", "cat", "cat", "dog", "dog", "dog"], "auto", "binary", 2, [1, 0, 0, 1, 1, 1]),
        (np.eye(3)[[0, 1, 2, 2, 1, 0]], "auto", "classification", 3, [0, 1, 2, 2, 1, 0]),
        (np.eye(2, dtype=int)[[0, 1, 1, 1, 1, 0]], "auto", "binary", 2, [0, 1, 1, 1, 1, 0]),
        ([0.5, 1, 2, 3, 4, 5], "auto", "regression", None, [0.5, 1, 2, 3, 4, 5]),
        ([1, 2, 3, 4, 5, 6], "regression", "regression", None, [1, 2, 3, 4, 5, 6]),
        ([1, 2, 3, 4, 5, 6], "classification", "classification", 6, [0, 1, 2, 3, 4, 5]),
        ([1.0, 2, 3, 1, 2, 3], "classification", "classification", 3, [0, 1, 2, 0, 1, 2]),
        ([[1, 1], [0, 1], [0, 0], [1, 0], [1, 1], [0, 0]], "auto", "binary", None,
         [[1, 1], [0, 1], [0, 0], [1, 0], [1, 1], [0, 0]]),
    ],
)  # fmt: skip
def test_what_a_model_learns_is_recognised_or_said(
    tmp_path: Path, own: Prepare, y: Any, asked: str, task: str, classes: int | None, encoded: Any
) -> None:
    path = _saved(tmp_path, x_train=NUMBERS, y_train=y, x_test=NUMBERS, y_test=y)
    data, found = own(path, task=DataTask(asked))
    assert data.targets == [{"name": "y", "task": task, "classes": classes}]
    assert data.classes == classes
    assert found["train_y"].dtype == (np.float32 if classes is None else np.int32)
    assert np.array_equal(found["train_y"], encoded) and np.array_equal(found["test_y"], encoded)


def _changed(array: NDArray[Any], row: int, value: float) -> NDArray[Any]:
    changed = array.astype(np.float64)
    changed[row] = value
    return changed


@pytest.mark.parametrize(
    ("arrays", "settings", "named"),
    [
        ({"x": NUMBERS[:5]}, {}, "y.*6 rows, but x has 5"),
        ({"x": _changed(NUMBERS, 4, np.nan)}, {}, "x in .*row 4, at 0: .* NaN"),
        ({"x": _changed(NUMBERS, 3, -np.inf)}, {}, "x in .*row 3.*infinite"),
        ({"x": _changed(NUMBERS, 3, 1e300)}, {}, "x in .*row 3.*32-bit"),
        ({"x": np.array([[2**40]] * 6)}, {}, "x in .*row 0.*32-bit"),
        ({"y": _changed(CLASSES, 2, np.nan)}, {}, "y in .*row 2.* NaN"),
        ({"y": np.zeros(6, int)}, {}, "y in .*only 0"),
        ({"y": np.eye(2)[[0] * 6]}, {}, "y in .*one class"),
        ({"y": np.full(6, 2.5)}, {}, "y in .*only 2.5"),
        ({"y": np.arange(6)}, {}, "y in .*6 distinct whole numbers"),
        ({"y": np.arange(12).reshape(6, 2)}, {}, "y in .*2 whole numbers in each row"),
        ({"y": np.array([0.5, 1, 2, 3, 4, 5])}, {"task": DataTask.classification}, "classification.*fractions"),
        ({"y": np.array([1, 2, 3] * 2)}, {"task": DataTask.binary}, "binary.*3"),
        ({"y": np.array(["a", "b"] * 3)}, {"task": DataTask.regression}, "regression.*text"),
        ({"x": np.zeros((0, 2)), "y": CLASSES[:0]}, {}, "no rows"),
        ({"x": np.zeros((6, 0))}, {}, "no values"),
        ({"x": np.float64(3)}, {}, "no rows"),
        ({"x": NUMBERS[:1], "y": CLASSES[:1]}, {}, "at least two"),
        ({"x": np.array([{1}] * 6, object)}, {}, "x in .*Python objects"),
        ({"x": np.array(["a"] * 6)}, {}, "x in .*text"),
        ({"x": np.zeros(6, [("a", "f4")])}, {}, "x in .*records"),
        ({"x": np.zeros((6, 2), np.complex64)}, {}, "x in .*complex64"),
        ({"names": NUMBERS}, {}, "holds names, which nothing reads"),
        ({"x_train": NUMBERS}, {}, "beside"),
        ({"x_0": NUMBERS}, {}, "2 arrays x, but no x_1"),
        ({"sample_weight": np.full(6, -1.0)}, {}, "sample_weight in .*row 0.*negative"),
        ({"sample_weight": NUMBERS}, {}, "sample_weight in .*one number"),
        ({"x": NUMBERS.astype(int)}, {"scale": "255"}, "data.scale=255.*token ids"),
        ({"x": NUMBERS}, {"images": True}, "data.images=true.*shape"),
    ],
)  # fmt: skip
def test_arrays_that_cannot_be_trained_on_are_refused_by_name_and_row(
    tmp_path: Path, own: Prepare, arrays: dict[str, Any], settings: dict[str, Any], named: str
) -> None:
    path = _saved(tmp_path, **({"x": NUMBERS, "y": CLASSES} | arrays))
    with pytest.raises(UserError, match=named):
        own(path, **settings)
    assert not list((tmp_path / "cache" / "own").iterdir())  # nothing is left


@pytest.mark.parametrize(
    ("arrays", "settings", "named"),
    [
        ({"x_test": NUMBERS[:, :1]}, {}, "x_test in .*shape.*x_train"),
        ({"x_test": NUMBERS.astype(int)}, {}, "x_test in .*int64.*x_train"),
        ({"y_test": CLASSES[:2]}, {}, "y_test in .*2 rows"),
        ({"x_test_1": NUMBERS}, {}, "x_test"),
        ({}, {"test_fraction": 0.5}, "data.test_fraction=0.5.*test part"),
        ({}, {"split_seed": 5}, "data.split_seed=5.*test part"),
    ],
)
def test_a_test_part_must_fit_the_training_part(
    tmp_path: Path, own: Prepare, arrays: dict[str, Any], settings: dict[str, Any], named: str
) -> None:
    whole = {"x_train": NUMBERS, "y_train": CLASSES, "x_test": NUMBERS, "y_test": CLASSES} | arrays
    with pytest.raises(UserError, match=named):
        own(_saved(tmp_path, **whole), **settings)


def test_without_a_test_part_the_seed_draws_one_and_rows_stay_together(tmp_path: Path, own: Prepare) -> None:
    rows = np.arange(50)
    path = _saved(tmp_path, x_0=rows[:, None] * 1.0, x_1=np.stack([rows, rows], 1), y_0=rows * 0.5, y_1=rows % 3,
                  sample_weight=rows + 1)  # fmt: skip
    data, found = own(path)
    assert (data.train_examples, data.test_examples, data.inputs, data.weights) == (40, 10, ("x_0", "x_1"), True)
    assert [target["task"] for target in data.targets] == ["regression", "classification"]
    for part in ("train", "test"):
        numbers = found[f"{part}_x_0"][:, 0]
        assert np.array_equal(found[f"{part}_x_1"], np.stack([numbers, numbers], 1))
        assert np.array_equal(found[f"{part}_y_0"], numbers * 0.5)
        assert np.array_equal(found[f"{part}_y_1"], numbers % 3)
        assert np.array_equal(found[f"{part}_weights"], numbers + 1)
    assert sorted([*found["train_x_0"][:, 0], *found["test_x_0"][:, 0]]) == list(rows)
    assert np.array_equal(own(path)[1]["test_x_0"], found["test_x_0"])
    assert not np.array_equal(own(path, split_seed=2)[1]["test_x_0"], found["test_x_0"])
    assert own(path, test_fraction=0.5)[0].test_examples == 25


def test_a_worker_maps_what_was_prepared(tmp_path: Path, own: Prepare) -> None:
    data, _ = own(_saved(tmp_path, x=NUMBERS, y=CLASSES, sample_weight=CLASSES + 1), test_fraction=0.5)
    spec = {"path": data.path, "inputs": list(data.inputs), "targets": data.targets, "weights": data.weights,
            "train_samples": 2, "test_samples": None, "channels_first": False}  # fmt: skip
    train, test = dataset.load(spec)
    assert (len(train), len(test)) == (2, 3)
    assert np.array_equal(np.asarray(train.weights), train.y + 1)
    assert isinstance(train.x, np.memmap)


def test_weights_of_the_training_examples_leave_the_test_examples_alike(tmp_path: Path, own: Prepare) -> None:
    part = {"x_train": NUMBERS, "y_train": CLASSES, "x_test": NUMBERS, "y_test": CLASSES}
    for name in ("sample_weight", "sample_weight_train"):
        _, found = own(_saved(tmp_path, **part, **{name: np.arange(6)}))
        assert list(found["train_weights"]) == [0, 1, 2, 3, 4, 5]
        assert list(found["test_weights"]) == [1] * 6


@pytest.mark.slow
def test_large_arrays_need_little_memory(tmp_path: Path, own: Prepare) -> None:
    x = np.zeros((64, 1 << 18), np.float32)  # 64 MiB
    np.savez_compressed(tmp_path / "mine.npz", x=x, y=np.arange(64) % 2)
    tracemalloc.start()
    try:
        own(tmp_path / "mine.npz")
        assert tracemalloc.get_traced_memory()[1] < x.nbytes / 2
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@given(place=st.integers(0, 2000), bits=st.integers(1, 255), cut=st.booleans(), compressed=st.booleans())
@settings(max_examples=examples(60), deadline=None)
def test_damaged_bytes_are_reported_in_one_line(place: int, bits: int, cut: bool, compressed: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mine.npz")
        (np.savez_compressed if compressed else np.savez)(path, x=NUMBERS, y=CLASSES)
        content = bytearray(path.read_bytes())
        place %= len(content)
        content[place] ^= bits
        path.write_bytes(content[:place] if cut else content)
        try:
            _, found = prepared(path, Path(folder))
        except UserError as error:
            assert str(path) in str(error)
        else:  # a byte that carries no content
            assert sorted(map(tuple, [*found["train_x"], *found["test_x"]])) == sorted(map(tuple, NUMBERS))
