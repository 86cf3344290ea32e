"""Prepared data are reused only while they and their source files are unchanged."""

import gzip
import json
import os
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pooch
import pytest
from numpy.typing import NDArray

from kerasbench.config.schema import DataConfig, DataSource
from kerasbench.data import PreparedData, mnist, prepare, prepared
from kerasbench.terminal.errors import UserError


def _write(folder: Path, level: int) -> None:
    """Write a small set in MNIST's format, with the same level in every pixel."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, file in mnist.FILES.items():
        shape = (4, 28, 28) if part.endswith("image") else (4,)
        content = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
        content += np.full(shape, level if len(shape) > 1 else 1, np.uint8).tobytes()
        (folder / file.name).write_bytes(gzip.compress(content, mtime=0))


@pytest.fixture(autouse=True)
def _fresh() -> None:
    prepared._prepare.cache_clear()


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: None) -> Path:
    """A folder with a small set that takes the published set's place."""
    root = tmp_path / "images"
    _write(root, 7)
    _publish(root, monkeypatch)
    return root


def _publish(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = {part: f"md5:{pooch.file_hash(str(root / one.name), 'md5')}" for part, one in mnist.FILES.items()}
    files = {part: replace(one, digest=digests[part], urls=()) for part, one in mnist.FILES.items()}
    monkeypatch.setattr(mnist, "FILES", files)


def _config(tmp_path: Path, root: Path | None = None, source: DataSource = DataSource.real) -> DataConfig:
    return DataConfig(name="mnist", source=source, root=str(root) if root else None, cache=str(tmp_path / "cache"))


def _prepared(config: DataConfig) -> PreparedData:
    """Prepare the data as a separate process would."""
    prepared._prepare.cache_clear()
    return prepare(config)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The list of idx files read so far."""
    read: list[Path] = []
    original = mnist.read_idx

    def reading(path: Path) -> NDArray[np.uint8]:
        read.append(path)
        return original(path)

    monkeypatch.setattr(mnist, "read_idx", reading)
    return read


def test_a_root_that_does_not_hold_the_set_is_refused_although_the_set_is_prepared(
    tmp_path: Path, published: Path
) -> None:
    _prepared(_config(tmp_path, published))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match=rf"data\.root={empty} does not hold mnist \(mnist/ or train-images"):
        _prepared(_config(tmp_path, empty))
    data = _prepared(_config(tmp_path, empty, DataSource.auto))
    assert (data.name, data.source) == ("mnist", "real")
    assert f"data.root={empty} does not hold mnist" in data.note
    assert f"comes from {tmp_path}/cache" in data.note
    assert not _prepared(_config(tmp_path, published)).note


def test_unchanged_files_are_read_once_and_each_folder_is_verified_once(
    tmp_path: Path, published: Path, reads: list[Path]
) -> None:
    first = _prepared(_config(tmp_path, published))
    written = Path(first.path).stat().st_mtime_ns
    assert _prepared(_config(tmp_path, published)) == first
    assert len(reads) == 4
    _write(tmp_path / "copy" / "mnist", 7)
    for _ in range(2):
        assert _prepared(_config(tmp_path, tmp_path / "copy")) == first
    assert len(reads) == 8
    assert Path(first.path).stat().st_mtime_ns == written  # the same content is not written again
    assert _prepared(_config(tmp_path)) == first  # what is prepared serves where no source is at hand


def test_a_source_that_is_overwritten_in_place_is_verified_again(
    tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _prepared(_config(tmp_path, published))
    _write(published, 8)
    with pytest.raises(UserError, match="is damaged"):
        _prepared(_config(tmp_path, published))
    _publish(published, monkeypatch)  # another release
    after = _prepared(_config(tmp_path, published))
    assert after.digest != before.digest
    with np.load(after.path) as parts:
        assert set(np.unique(parts["train_image"])) == {8}


def test_a_source_that_was_touched_is_verified_and_not_prepared_again(
    tmp_path: Path, published: Path, reads: list[Path]
) -> None:
    first = _prepared(_config(tmp_path, published))
    written = Path(first.path).stat().st_mtime_ns
    os.utime(published / mnist.FILES["test_labels"].name, (1, 1))
    for _ in range(2):
        _prepared(_config(tmp_path, published))
    assert len(reads) == 8
    assert Path(first.path).stat().st_mtime_ns == written


def _truncate(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize("source", [DataSource.real, DataSource.embedded])
@pytest.mark.parametrize("suffix", [".npz", ".json"])
@pytest.mark.parametrize("damage", [_truncate, Path.unlink, lambda path: path.write_bytes(b""),
                                    lambda path: path.write_bytes(b"[1]"),
                                    lambda path: path.write_bytes(path.read_bytes()[::-1])])  # fmt: skip
def test_a_damaged_preparation_is_made_again(
    tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch, source: DataSource, suffix: str,
    damage: Callable[[Path], object],
) -> None:  # fmt: skip
    small = mnist.real(published, tmp_path)
    monkeypatch.setattr(mnist, "embedded", lambda: small)
    config = _config(tmp_path, published, source)
    first = _prepared(config)
    damage(Path(first.path).with_suffix(suffix))
    assert _prepared(config) == first
    with np.load(first.path) as parts:
        assert np.array_equal(parts["train_image"], small.parts["train_image"])
    assert json.loads(Path(first.path).with_suffix(".json").read_text())["digest"] == first.digest


def test_a_copied_cache_is_trusted_after_its_content_was_verified(
    tmp_path: Path, published: Path, reads: list[Path]
) -> None:
    first = _prepared(_config(tmp_path, published))
    os.utime(first.path, (1, 1))
    for _ in range(2):
        assert _prepared(_config(tmp_path)) == first
    assert len(reads) == 4
    assert Path(first.path).stat().st_mtime == 1


def test_fewer_examples_than_asked_for_are_all_used_and_that_is_said(tmp_path: Path, published: Path) -> None:
    config = replace(_config(tmp_path, published), train_samples=5, test_samples=4)
    assert "only 4 examples for data.train_samples=5" in prepare(config).note
    assert "test_samples" not in prepare(config).note


def test_a_cache_that_cannot_be_written_is_refused_in_one_line(
    tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", forbidden)
    with pytest.raises(UserError, match=r"data\.cache=.*Permission denied"):
        prepare(_config(tmp_path, published))


def test_many_at_once_prepare_the_same_data_once(tmp_path: Path, published: Path, reads: list[Path]) -> None:
    config = _config(tmp_path, published)

    def another(number: int) -> PreparedData:
        arguments = (config.name, config.name, "{}", config.source, config.root, Path(config.cache))
        return prepared._prepare.__wrapped__(*arguments)

    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(another, range(8)))
    assert len(found) == 1
    assert len(reads) == 4
