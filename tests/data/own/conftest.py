"""Prepares a user's own data as a run would."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kerasbench.config.schema import DataConfig
from kerasbench.data import PreparedData, prepare
from kerasbench.data.own import cache

Prepare = Callable[..., tuple[PreparedData, dict[str, NDArray[Any]]]]


def prepared(path: Path, folder: Path, **settings: Any) -> tuple[PreparedData, dict[str, NDArray[Any]]]:
    """Prepare data with a cache in a folder, as a new process would; return them and the arrays that a worker maps."""
    cache._prepared.clear()
    said: dict[str, Any] = {"scale": "auto", "test_fraction": 0.2, "split_seed": 1} | settings
    data = prepare(DataConfig(name=path.stem, path=str(path), cache=str(folder / "cache"), **said))
    return data, {file.stem: np.load(file, mmap_mode="r") for file in Path(data.path).glob("*.npy")}


@pytest.fixture
def own(tmp_path: Path) -> Prepare:
    """Prepare the data at a path, with the test's own cache."""
    return lambda path, **settings: prepared(path, tmp_path, **settings)
