import os
import stat
from pathlib import Path

import pytest

from kerasbench.data.files import whole


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_the_umask_decides_who_shares_prepared_data(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with whole(tmp_path / "mnist.npz") as file:
            file.write(b"all")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "mnist.npz").stat().st_mode) == 0o666 & ~umask


def test_what_is_not_written_to_its_end_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), whole(tmp_path / "mnist.npz") as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
