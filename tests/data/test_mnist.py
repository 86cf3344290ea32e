"""MNIST's loader and its stand-in."""

import gzip
import struct
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from kerasbench.config.schema import DataConfig, DataSource
from kerasbench.data import mnist, prepare
from kerasbench.data.arrays import Arrays
from kerasbench.data.download import RemoteFile
from kerasbench.terminal.errors import UserError
from tests.conftest import SHARED_DATA
from tests.data.conftest import Served


def _idx(values: list[int], *shape: int) -> bytes:
    header = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
    return gzip.compress(header + bytes(values))


def test_an_idx_file_is_read_in_the_shape_that_its_header_gives(tmp_path: Path) -> None:
    (tmp_path / "images.gz").write_bytes(_idx([1, 2, 3, 4, 5, 6], 3, 1, 2))
    assert mnist.read_idx(tmp_path / "images.gz").tolist() == [[[1, 2]], [[3, 4]], [[5, 6]]]


def test_a_file_that_is_no_idx_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images.gz").write_bytes(gzip.compress(b"something else"))
    with pytest.raises(ValueError, match="no idx file"):
        mnist.read_idx(tmp_path / "images.gz")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    for file in mnist.FILES.values():
        (tmp_path / file.name).write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte.gz is damaged"):
        mnist.real(tmp_path, tmp_path / "cache")


def test_a_file_that_is_missing_beside_the_others_is_named_and_not_replaced_by_another_set(tmp_path: Path) -> None:
    folder = tmp_path / "mnist"
    folder.mkdir()
    (folder / "t10k-labels-idx1-ubyte.gz").touch()
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte.gz is missing"):
        mnist.real(tmp_path, tmp_path / "cache")


@pytest.mark.slow
@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the real data are not on this machine")
def test_mnist_is_downloaded_checked_and_read(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = served(SHARED_DATA / "mnist")
    monkeypatch.setattr(
        mnist, "FILES", {part: replace(one, urls=(url + one.name,)) for part, one in mnist.FILES.items()}
    )
    arrays = mnist.real(None, tmp_path)
    assert arrays.digest() == mnist.real(SHARED_DATA, tmp_path).digest()
    assert mnist.real(tmp_path, tmp_path / "other").digest() == arrays.digest()  # where it was put serves again


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the real data are not on this machine")
def test_real_mnist_has_its_published_shapes_and_counts(tmp_path: Path) -> None:
    arrays = mnist.real(SHARED_DATA, tmp_path)
    assert arrays.name == "mnist"
    assert arrays.parts["train_image"].shape == (60_000, 28, 28, 1)
    assert np.bincount(arrays.parts["test_labels"]).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def stand_in() -> Arrays:
    return mnist.embedded()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for the stand-in that the test makes a second time."""
    folder = tmp_path_factory.mktemp("cache")
    prepare(DataConfig(name="mnist", source=DataSource.embedded, cache=str(folder)))
    return folder


@pytest.mark.slow
def test_the_stand_in_has_mnists_shapes_types_and_counts_and_another_name(stand_in: Arrays) -> None:
    assert stand_in.parts["train_image"].shape == (60_000, 28, 28, 1)
    assert stand_in.parts["test_image"].shape == (10_000, 28, 28, 1)
    assert stand_in.parts["train_image"].dtype == np.uint8
    assert set(np.unique(stand_in.parts["test_labels"])) == set(range(10))
    assert stand_in.name == "digits-stand-in"


@pytest.mark.slow
def test_no_image_of_the_stand_in_is_both_in_train_and_test(stand_in: Arrays) -> None:
    train = {image.tobytes() for image in stand_in.parts["train_image"]}
    assert not any(image.tobytes() in train for image in stand_in.parts["test_image"])


@pytest.mark.slow
def test_prepared_data_are_kept_with_the_digest_of_their_arrays_and_the_stand_in_is_always_the_same(
    cache: Path, stand_in: Arrays
) -> None:
    data = prepare(DataConfig(name="mnist", source=DataSource.embedded, cache=str(cache)))
    assert data.digest == stand_in.digest()
    with np.load(data.path) as arrays:
        assert set(arrays) == set(stand_in.parts)
        assert np.array_equal(arrays["test_image"], stand_in.parts["test_image"])


def test_a_preparation_that_is_cut_short_leaves_nothing_and_the_next_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = Arrays("mnist", ("image",), 10, {
        f"{part}_{what}": np.zeros((2, *shape), np.uint8)
        for part in ("train", "test") for what, shape in (("image", (28, 28, 1)), ("labels", ()))
    })  # fmt: skip
    asked = DataConfig(name="mnist", source=DataSource.embedded, cache=str(tmp_path))
    monkeypatch.setattr(mnist, "embedded", lambda: small)

    def full(file: IO[bytes], **_: object) -> None:
        file.write(b"half of it")
        raise OSError("No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(np, "savez", full)
        with pytest.raises(UserError, match="No space left"):
            prepare(asked)
    assert not list(tmp_path.iterdir())
    assert prepare(asked).train_examples == 2


@pytest.mark.slow
def test_offline_auto_trains_on_the_stand_in_and_says_so_while_real_is_an_error(offline: None, cache: Path) -> None:
    data = prepare(DataConfig(name="mnist", source=DataSource.auto, cache=str(cache)))
    assert (data.name, data.source) == ("digits-stand-in", "embedded")
    assert "real mnist was not found" in data.note
    with pytest.raises(UserError, match=r"data.source=real, and mnist is neither in"):
        prepare(DataConfig(name="mnist", source=DataSource.real, cache=str(cache)))


def test_every_file_has_a_checksum_and_a_second_mirror() -> None:
    assert all(isinstance(file, RemoteFile) and len(file.urls) == 2 for file in mnist.FILES.values())
    assert all(file.digest.startswith("md5:") for file in mnist.FILES.values())
