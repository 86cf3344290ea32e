"""A user's folder of images."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kerasbench.terminal.errors import UserError
from tests.data.own.conftest import Prepare, prepared
from tests.examples import examples


def _image(path: Path, level: int = 0, mode: str = "RGB", size: tuple[int, int] = (5, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, level if mode in ("L", "I;16") else (level, level, level)).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five images of each of two classes; the level of each is 10 times its number, plus 1 for a dog."""
    for number in range(5):
        _image(tmp_path / "images" / "cat" / f"{number}.png", 10 * number)
        _image(tmp_path / "images" / "dog" / f"{number}.PNG", 10 * number + 1)
    (tmp_path / "images" / ".DS_Store").touch()
    return tmp_path / "images"


def test_the_folders_name_the_classes_and_the_seed_mixes_them(folder: Path, own: Prepare) -> None:
    data, found = own(folder, images=True)
    assert data.targets == [{"name": "y", "task": "binary", "classes": 2}]
    assert found["train_x"].shape == (8, 4, 5, 3) and found["test_x"].shape == (2, 4, 5, 3)
    levels = np.round(255 * np.concatenate([found["train_x"], found["test_x"]])[:, 0, 0, 0])
    labels = np.concatenate([found["train_y"], found["test_y"]])
    assert np.array_equal(levels % 10, labels)
    assert sorted(levels) == sorted([*range(0, 50, 10), *range(1, 50, 10)])
    assert len(set(found["train_y"][:5])) == 2  # the first examples are not all of one class


def test_train_and_test_folders_are_the_parts(tmp_path: Path, own: Prepare) -> None:
    for part, count in (("train", 3), ("test", 1)):
        for name in ("a", "b", "c"):
            for number in range(count):
                _image(tmp_path / "set" / part / name / f"{number}.jpg", number, mode="L")
    data, found = own(tmp_path / "set")
    assert (data.train_examples, data.test_examples, data.classes) == (9, 3, 3)
    assert found["train_x"].shape == (9, 4, 5, 1)  # all are grey
    _image(tmp_path / "set" / "test" / "d" / "0.png")
    with pytest.raises(UserError, match="test/d"):
        own(tmp_path / "set")


def test_images_of_several_sizes_are_resized_if_asked(folder: Path, own: Prepare) -> None:
    _image(folder / "cat" / "large.png", 200, size=(50, 40))
    with pytest.raises(UserError, match=r"large\.png has 40 x 50 .*data\.options\.size"):
        own(folder)
    _, found = own(folder, options={"size": [8, 6]})
    assert found["train_x"].shape[1:] == (8, 6, 3)
    assert np.isclose(max(found["train_x"].max(), found["test_x"].max()), 200 / 255)


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (lambda folder: (folder / "cat" / "notes.txt").write_text("x"), r"notes\.txt is neither"),
        (lambda folder: (folder / "cat" / "empty.png").touch(), r"empty\.png is neither"),
        (lambda folder: (folder / "fish").mkdir(), "fish is empty"),
        (lambda folder: (folder / "labels.csv").touch(), r"labels\.csv is not in"),
        (lambda folder: (folder / "cat" / "more").mkdir(), "more .*is not an image"),
        (lambda folder: _image(folder / "cat" / "deep.png", mode="I;16"), r"deep\.png has more than 8 bits"),
        (lambda folder: (folder / "cat" / "3.png").write_bytes((folder / "cat" / "3.png").read_bytes()[:45]),
         r"3\.png is a damaged image"),
        (lambda folder: (folder / "dog").rename(folder.parent / "dog"), "only cat"),
        (lambda folder: _image(folder / "train" / "cat" / "1.png"), "nothing reads cat"),
    ],
)  # fmt: skip
def test_what_is_not_a_set_of_images_is_refused_by_file(
    folder: Path, own: Prepare, harm: Callable[[Path], object], named: str
) -> None:
    harm(folder)
    with pytest.raises(UserError, match=named):
        own(folder)


@given(form=st.sampled_from(["png", "jpg"]), place=st.integers(0, 2000), bits=st.integers(1, 255), cut=st.booleans())
@settings(max_examples=examples(40), deadline=None)
def test_damaged_images_are_reported_in_one_line(form: str, place: int, bits: int, cut: bool) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "images")
        for name in ("a", "b"):
            for number in range(2):
                _image(folder / name / f"{number}.{form}", 50 * number)
        harmed = folder / "a" / f"1.{form}"
        content = bytearray(harmed.read_bytes())
        place %= len(content)
        content[place] ^= bits
        harmed.write_bytes(content[:place] if cut else content)
        try:
            assert prepared(folder, Path(temporary))[0].train_examples == 3
        except UserError as error:
            assert str(folder / "a") in str(error) or str(folder / "b") in str(error)
