"""Prepared data and environments that are damaged: noticed, and made again or told in one line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kerasbench.data import mnist, prepared
from kerasbench.environments.installation import Installation
from kerasbench.vocabulary import Tag
from tests.faults.conftest import EPOCHS, Aftermath, train_through
from tests.stub.driver import Stub
from tests.stub.environments import _images, write_data, write_environment, write_environments

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

Damage = Callable[[Path], object]


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _alter(file: Path) -> None:
    """Change one byte in the middle: the file's size stays."""
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // 2)
        (byte,) = opened.read(1)
        opened.seek(-1, 1)
        opened.write(bytes([byte ^ 0xFF]))


def _fill_with_zeros(file: Path) -> None:
    file.write_bytes(bytes(file.stat().st_size))


def _replace_by_other_json(file: Path) -> None:
    file.write_text('[{"name": 7}]')


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of prepared data of the test's own, which can be made again."""
    cache = tmp_path / "data"
    write_data(cache)
    monkeypatch.setattr(mnist, "embedded", _images)
    prepared._prepare.cache_clear()
    return cache


@pytest.mark.parametrize("ending", ["npz", "json"])
@pytest.mark.parametrize("damage", [_truncate, _alter, _fill_with_zeros, _replace_by_other_json, Path.unlink])
def test_prepared_data_that_are_damaged_are_prepared_again(stub: Stub, data: Path, damage: Damage, ending: str) -> None:
    (file,) = data.glob(f"*.{ending}")
    (arrays,) = data.glob("*.npz")
    before = arrays.read_bytes()
    damage(file)
    done = stub.train("backend=torch", f"data.cache={data}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert arrays.read_bytes() == before


def test_data_that_are_altered_while_a_sweep_runs_are_prepared_again_for_the_next_job(
    stub: Stub, data: Path, aftermath: Aftermath
) -> None:
    (arrays,) = data.glob("*.npz")
    before = arrays.read_bytes()
    train_through(stub, lambda: _alter(arrays), f"data.cache={data}", "seed=1,2")
    assert arrays.read_bytes() == before
    runs = aftermath.runs()
    assert len({run.data.tags[Tag.DATA_DIGEST] for run in runs}) == 1
    assert [len(aftermath.epochs(run)) for run in runs] == [EPOCHS, EPOCHS]


@pytest.fixture
def environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Environments of the test's own, which can be made again without uv."""
    folder = tmp_path / "environments"
    write_environments(folder)
    monkeypatch.setattr(Installation, "_install", lambda self, place, log: write_environment(place))
    return folder


@pytest.mark.parametrize("name", ["packages.txt", "kerasbench.json", "bin/python"])
@pytest.mark.parametrize("damage", [_truncate, _fill_with_zeros, _replace_by_other_json, Path.unlink])
def test_an_environment_that_is_damaged_is_made_again_or_named_in_one_line(
    stub: Stub, environments: Path, damage: Damage, name: str
) -> None:
    (folder,) = environments.glob("torch-*")
    damage(folder / name)
    done = stub.train("backend=torch", f"environments.folder={environments}")
    if done.returncode == 2:
        assert len(done.stderr.splitlines()) == 1
        assert str(folder) in done.stderr
        assert name == "bin/python"
    elif done.returncode == 1:
        assert "failed: the worker" in done.stdout
        assert name == "bin/python"
    assert "Traceback" not in done.stdout + done.stderr
