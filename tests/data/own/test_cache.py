"""A user's own data are prepared once for each content, and a change or damage is noticed."""

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from kerasbench.config import own_choices, own_data
from kerasbench.config.schema import DataConfig
from kerasbench.data.own import cache, writing
from kerasbench.terminal.errors import UserError
from tests.data.own.conftest import Prepare
from tests.stub.driver import Stub


def _save(path: Path, level: float) -> Path:
    path.parent.mkdir(exist_ok=True)
    np.savez(path, x=np.arange(20.0).reshape(10, 2) + level, y=np.arange(10) % 2)
    return path


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sources that were prepared so far."""
    written: list[str] = []
    original = writing.write

    def counted(source: object, config: DataConfig, folder: Path) -> object:
        written.append(str(config.path))
        return original(source, config, folder)  # type: ignore[arg-type]

    monkeypatch.setattr(cache, "write", counted)
    return written


def test_data_are_prepared_once_for_each_content(tmp_path: Path, own: Prepare, writes: list[str]) -> None:
    path = _save(tmp_path / "mine.npz", 0)
    first, _ = own(path)
    assert own(path)[0] == first and len(writes) == 1
    os.utime(path, (1, 1))
    assert own(path)[0] == first and len(writes) == 1
    shutil.copytree(path.parent, tmp_path / "elsewhere", ignore=shutil.ignore_patterns("cache"))
    assert own(tmp_path / "elsewhere" / "mine.npz")[0] == first and len(writes) == 1
    changed, found = own(_save(path, 1))
    assert changed.digest != first.digest and changed.path != first.path and len(writes) == 2
    assert found["train_x"].min() + found["test_x"].min() >= 1
    assert own(_save(path, 0))[0] == first and len(writes) == 2


def test_a_digest_tells_data_apart_not_files(tmp_path: Path, own: Prepare) -> None:
    first, _ = own(_save(tmp_path / "mine.npz", 0))
    with np.load(tmp_path / "mine.npz") as arrays:
        np.savez_compressed(tmp_path / "packed.npz", **arrays)
    assert own(tmp_path / "packed.npz")[0].digest == first.digest


def _shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, (1, 1))


@pytest.mark.parametrize("name", ["train_x.npy", "test_y.npy", "description.json"])
@pytest.mark.parametrize("damage", [_shorten, _flip, Path.unlink, lambda path: path.write_bytes(b"")])
def test_a_damaged_preparation_is_made_again(
    tmp_path: Path, own: Prepare, name: str, damage: Callable[[Path], object]
) -> None:
    first, whole = own(_save(tmp_path / "mine.npz", 0))
    before = {name: array.copy() for name, array in whole.items()}
    damage(Path(first.path) / name)
    again, found = own(tmp_path / "mine.npz")
    assert again == first
    assert all(np.array_equal(found[name], array) for name, array in before.items()) and found.keys() == before.keys()


def test_a_copied_cache_is_trusted_after_its_content_was_verified(
    tmp_path: Path, own: Prepare, writes: list[str]
) -> None:
    first, _ = own(_save(tmp_path / "mine.npz", 0))
    for file in Path(first.path).iterdir():
        os.utime(file, (1, 1))
    assert own(tmp_path / "mine.npz")[0] == first and len(writes) == 1


def test_a_source_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, own: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _save(tmp_path / "mine.npz", 0)
    original = writing.write

    def counted(*arguments: object) -> object:
        found = original(*arguments)  # type: ignore[arg-type]
        _save(path, 1)
        return found

    monkeypatch.setattr(cache, "write", counted)
    with pytest.raises(UserError, match="changed while it was read"):
        own(path)
    assert not list((tmp_path / "cache" / "own").glob("mine-*"))


def test_many_at_once_prepare_the_same_data_once(tmp_path: Path, writes: list[str]) -> None:
    path = _save(tmp_path / "mine.npz", 0)
    config = DataConfig(name="mine", path=str(path), cache=str(tmp_path), scale="auto", test_fraction=0.5, split_seed=1)
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: cache._prepare(config, "{}"), range(8)))
    assert len(found) == len(writes) == 1


@pytest.mark.parametrize(
    ("choice", "settings", "named"),
    [
        ("mine.npz", {"label": "x"}, "data.label=x"), ("mine.npz", {"options": {"size": [1, 1]}}, "data.options.size"),
        ("mine.npz", {"source": "embedded"}, "data.source=embedded"), ("mine.npz", {"loader": "mnist"}, "data.loader"),
        ("mine.npz", {"scale": "-1"}, "data.scale=-1"), ("mine.npz", {"scale": "nan"}, "data.scale=nan"),
        ("mine.npz", {"function": "load"}, "mine.npz:load"), ("notes.txt", {}, "notes.txt is not"),
        ("pipe.npz", {}, "pipe.npz is not"),
        ("table.csv", {"options": {"drop": "id"}}, "drop=id"), ("table.csv", {"images": True}, "data.images=true"),
        ("images", {"options": {"size": [0, 1]}}, "data.options.size"), ("my_data.py:make", {}, "make"),
        ("my_data.py", {"options": {"b": 1}}, "data.options.b"),
        (None, {"label": "x"}, "data.label=x"), (None, {"scale": "255"}, "data.scale=255"),
        (None, {"task": "regression"}, "data.task=regression"), (None, {"split_seed": 2}, "data.split_seed=2"),
    ],
)  # fmt: skip
def test_what_nothing_reads_is_refused_before_anything_is_read(
    tmp_path: Path, choice: str | None, settings: dict[str, Any], named: str
) -> None:
    (tmp_path / "images").mkdir()
    os.mkfifo(tmp_path / "pipe.npz")
    for name in ("mine.npz", "notes.txt", "table.csv"):
        (tmp_path / name).touch()
    (tmp_path / "my_data.py").write_text("def load(a: int = 1): ...\n")
    chosen = own_choices.content("data", f"{tmp_path}/{choice}") if choice else {"name": "mnist"}
    defaults = {"scale": "auto", "test_fraction": 0.2, "split_seed": 1, "cache": "x"}
    config = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(DataConfig), defaults, chosen, settings))
    assert isinstance(config, DataConfig)
    with pytest.raises(UserError, match=named):
        own_data.check(config)


@pytest.mark.slow
@pytest.mark.parametrize("flags", [[], ["-m"]])
def test_bad_data_end_a_command_in_one_line_before_any_run(stub: Stub, tmp_path: Path, flags: list[str]) -> None:
    np.savez(tmp_path / "mine.npz", x=np.full((10, 2), np.nan), y=np.arange(10) % 2)
    ended = stub.train(*flags, "data.source=auto", f"data={tmp_path}/mine.npz", "backend=theano")
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: x in ") and ended.stderr.count("\n") == 1
    assert not list(stub.outputs.rglob("worker.log"))
