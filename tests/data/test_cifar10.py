"""CIFAR-10's loader and its stand-in."""

import io
import os
import pickle
import pickletools
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kerasbench.config.composition import compose
from kerasbench.config.schema import DataConfig, DataSource
from kerasbench.data import cifar10, prepare
from kerasbench.data.archives import read_members
from kerasbench.data.arrays import Arrays
from kerasbench.data.stand_ins import colour_shapes
from kerasbench.terminal.errors import UserError
from tests.conftest import SHARED_DATA
from tests.data.conftest import Served

FOLDER = "cifar-10-batches-py"


def _pickled(content: object) -> bytes:
    return pickle.dumps(content, protocol=4)


def _batch(*first_pixel: int, label: int = 7) -> bytes:
    """Return a batch of one image, black except for the pixel at row 1, column 2."""
    image = np.zeros((3, 32, 32), np.uint8)
    image[:, 1, 2] = first_pixel
    return _pickled({b"data": image.reshape(1, 3072), b"labels": [label]})


def _tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_a_batch_is_read_with_its_channels_last() -> None:
    images, labels = cifar10.read_batch(_batch(10, 20, 30), "batch", 1)
    assert images.shape == (1, 32, 32, 3)
    assert images[0, 1, 2].tolist() == [10, 20, 30]
    assert images.sum() == 60
    assert labels.dtype == np.uint8
    assert labels.tolist() == [7]


class _Malicious:
    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self._marker),)


def test_a_malicious_pickle_is_refused_before_it_does_anything(tmp_path: Path) -> None:
    content = _pickled({b"data": _Malicious(tmp_path / "harm"), b"labels": [0]})
    assert "mkdir" in {argument for _, argument, _ in pickletools.genops(content)}
    with pytest.raises(UserError, match=r"data_batch_1 is not read: it asks for posix\.mkdir"):
        cifar10.read_batch(content, "data_batch_1", 1)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle at all",
        _batch(1, 2, 3)[:-100],
        _pickled({b"data": np.zeros((1, 3072), np.uint8)}),
        _pickled({b"data": np.zeros((1, 3072), np.float32), b"labels": [0]}),
        _pickled({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 1]}),
        _batch(1, 2, 3, label=10),
    ],
)
def test_what_is_no_batch_is_named(content: bytes) -> None:
    with pytest.raises(UserError, match=r"the-file is no batch of"):
        cifar10.read_batch(content, "the-file", 1)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    for member in cifar10.FILES.members:
        (tmp_path / member).write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"cifar-10-batches-py/data_batch_1 is damaged: its md5 is"):
        cifar10.real(tmp_path, tmp_path / "cache")


def test_a_file_that_is_missing_beside_the_others_is_named(tmp_path: Path) -> None:
    (tmp_path / "test_batch").write_bytes(b"")
    with pytest.raises(UserError, match=r"data_batch_1 is missing"):
        cifar10.real(tmp_path, tmp_path / "cache")


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    whole = _tar(tmp_path / "whole.tar.gz", dict.fromkeys(cifar10.FILES.members, os.urandom(1000))).read_bytes()
    archive = tmp_path / "cifar-10-python.tar.gz"
    for content in (b"damaged", whole[: len(whole) // 2]):
        archive.write_bytes(content)
        with pytest.raises(UserError, match=r"cifar-10-python.tar.gz is damaged|data_batch_1 in .* is damaged"):
            cifar10.real(tmp_path, tmp_path / "cache")


def test_a_damaged_file_in_an_archive_is_named(tmp_path: Path) -> None:
    _tar(tmp_path / "cifar-10-python.tar.gz", dict.fromkeys(cifar10.FILES.members, b"damaged"))
    with pytest.raises(UserError, match=r"data_batch_1 in .*cifar-10-python.tar.gz is damaged"):
        cifar10.real(tmp_path, tmp_path / "cache")


def test_a_member_of_an_archive_counts_under_its_exact_name_only_and_nothing_is_unpacked(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    names = {f"../{FOLDER}/a": b"1", f"{inner.parent}/{FOLDER}/a": b"2", f"{FOLDER}/../a": b"3", f"{FOLDER}/a": b"4"}
    archive = _tar(inner / "data.tar.gz", names)
    assert [content for _, _, content in read_members(archive, [f"{FOLDER}/a"])] == [b"4"]
    assert [path.name for path in tmp_path.rglob("*")] == ["inner", "data.tar.gz"]


def test_a_link_in_an_archive_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    with tarfile.open(tmp_path / "data.tar", "w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            link = tarfile.TarInfo("a")
            link.type, link.linkname = kind, str(tmp_path / "secret")
            archive.addfile(link)
    with pytest.raises(UserError, match=r"data.tar does not hold a"):
        list(read_members(tmp_path / "data.tar", ["a"]))


@pytest.mark.slow
@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the real data are not on this machine")
def test_real_cifar10_has_its_published_shapes_counts_and_means(tmp_path: Path) -> None:
    arrays = cifar10.real(SHARED_DATA, tmp_path)
    assert (arrays.name, arrays.inputs, arrays.classes) == ("cifar10", ("image",), 10)
    assert arrays.parts["train_image"].shape == (50_000, 32, 32, 3)
    assert arrays.parts["test_image"].shape == (10_000, 32, 32, 3)
    assert np.bincount(arrays.parts["train_labels"]).tolist() == [5_000] * 10
    assert np.bincount(arrays.parts["test_labels"]).tolist() == [1_000] * 10
    means = arrays.parts["train_image"].mean((0, 1, 2)) / 255
    assert means == pytest.approx([0.4914, 0.4822, 0.4465], abs=1e-4)  # red, green, blue, as everybody quotes them


@pytest.mark.slow
@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the real data are not on this machine")
def test_cifar10s_archive_is_downloaded_checked_and_read(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(tmp_path / "published.tar", "w") as archive:
        archive.add(SHARED_DATA / FOLDER, FOLDER)
    monkeypatch.setattr(cifar10, "FILES", replace(cifar10.FILES, archive=served.file(tmp_path / "published.tar")))
    arrays = cifar10.real(None, tmp_path / "cache")  # each batch has its published digest
    assert np.bincount(arrays.parts["test_labels"]).tolist() == [1_000] * 10


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the real data are not on this machine")
def test_the_folder_itself_serves_as_well_as_the_one_that_holds_it(tmp_path: Path) -> None:
    one = replace(cifar10.FILES, members={f"{FOLDER}/test_batch": cifar10.FILES.members[f"{FOLDER}/test_batch"]})
    outer, inner = (next(one.contents(root, tmp_path)).content for root in (SHARED_DATA, SHARED_DATA / FOLDER))
    assert outer == inner


@pytest.fixture(scope="module")
def stand_in() -> Arrays:
    return cifar10.embedded()


@pytest.mark.slow
def test_the_stand_in_has_cifar10s_shapes_types_and_counts_and_another_name(stand_in: Arrays) -> None:
    assert stand_in.parts["train_image"].shape == (50_000, 32, 32, 3)
    assert stand_in.parts["test_image"].shape == (10_000, 32, 32, 3)
    assert all(array.dtype == np.uint8 for array in stand_in.parts.values())
    assert np.bincount(stand_in.parts["test_labels"]).min() > 900
    assert (stand_in.name, stand_in.classes) == ("colour-shapes-stand-in", 10)


@pytest.mark.slow
def test_the_stand_in_is_the_same_on_every_call(stand_in: Arrays, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colour_shapes, "TRAIN_EXAMPLES", 2_000)
    monkeypatch.setattr(colour_shapes, "TEST_EXAMPLES", 2_000)
    first, second = colour_shapes.embedded(), colour_shapes.embedded()
    assert first.digest() == second.digest() != stand_in.digest()


@pytest.mark.slow
def test_no_image_of_the_stand_in_is_both_in_train_and_test(stand_in: Arrays) -> None:
    train = {image.tobytes() for image in stand_in.parts["train_image"]}
    assert not any(image.tobytes() in train for image in stand_in.parts["test_image"])


@pytest.mark.slow
def test_a_linear_model_learns_next_to_nothing_of_the_stand_in(stand_in: Arrays) -> None:
    from sklearn.linear_model import RidgeClassifier  # not at the top: it takes a second to import

    def rows(part: str, count: int) -> tuple[NDArray[Any], NDArray[Any]]:
        images = stand_in.parts[f"{part}_image"][:count, ::2, ::2]  # every other pixel, for speed
        return images.reshape(count, -1) / np.float32(255), stand_in.parts[f"{part}_labels"][:count]

    linear = RidgeClassifier(alpha=100).fit(*rows("train", 4_000))
    assert linear.score(*rows("test", 2_000)) < 0.2


@pytest.mark.slow
def test_offline_auto_trains_on_the_stand_in_and_says_so_while_real_is_an_error(
    offline: None, tmp_path: Path, stand_in: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cifar10, "embedded", lambda: stand_in)
    data = prepare(DataConfig(name="cifar10", source=DataSource.auto, cache=str(tmp_path)))
    assert (data.name, data.source, data.train_examples) == ("colour-shapes-stand-in", "embedded", 50_000)
    assert "real cifar10 was not found" in data.note
    with pytest.raises(UserError, match=r"data.source=real, and cifar10 is neither in"):
        prepare(DataConfig(name="cifar10", source=DataSource.real, cache=str(tmp_path)))


def test_the_configuration_names_its_loader() -> None:
    config = compose(["data=cifar10"]).data
    assert (config.name, config.loader, config.options) == ("cifar10", None, {})
