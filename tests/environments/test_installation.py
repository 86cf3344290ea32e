"""Where packages come from, and what an environment shares with uv's cache. No backend is installed."""

import sys
import zipfile
from pathlib import Path

import pytest

from kerasbench.config import builds, composition
from kerasbench.environments import Specification, pip_settings, specification
from kerasbench.environments.child_processes import ChildProcesses
from kerasbench.environments.installation import Installation
from kerasbench.terminal.errors import UserError

pytestmark = pytest.mark.slow

OWN = f"backend.python='=={sys.version_info.major}.{sys.version_info.minor}.*'"
LINKED = "backend.builds=[{name:linked,requirements:linked.txt,driver:'1'}]"
ON_GPU = "backend.facts='driver=580.65 capability=9.0 platform=linux-x86_64'"


@pytest.fixture
def pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "pins"
    folder.mkdir()
    for module in (specification, builds):
        monkeypatch.setattr(module, "REQUIREMENTS", folder)
    return folder


def _installation(tmp_path: Path, steps: list[str], *overrides: str) -> Installation:
    wanted = Specification.of(
        composition.compose(["backend=theano", OWN, f"environments.folder={tmp_path}/envs", *overrides])
    )
    variables = pip_settings.for_uv() | {"UV_CACHE_DIR": str(tmp_path / "cache")}
    (tmp_path / "envs").mkdir(exist_ok=True)
    return Installation(wanted, Path(sys.executable), variables, steps.append, ChildProcesses())


def _index(tmp_path: Path) -> str:
    """Return the address of a package index that has only the CPU build of a package, `mine`."""
    folder = tmp_path / "simple/mine"
    folder.mkdir(parents=True)
    wheel = folder / "mine-1.0+cpu-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        info = "mine-1.0+cpu.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: mine\nVersion: 1.0+cpu\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    (folder / "index.html").write_text(f'<a href="{wheel.name.replace("+", "%2B")}">{wheel.name}</a>')
    return folder.parent.as_uri()


def test_a_cpu_build_that_the_configured_sources_lack_comes_from_the_frameworks_own_index(
    tmp_path: Path, pins: Path
) -> None:
    (pins / "theano.txt").write_text("mine==1.0+cpu\n")
    steps: list[str] = []
    installation = _installation(tmp_path, steps, f"backend.index={_index(tmp_path)}")
    assert installation._install_packages(tmp_path / "made", tmp_path / "log").split() == ["mine==1.0+cpu"]
    assert any("lack the CPU build" in step for step in steps)


def test_where_no_index_has_it_both_reasons_are_told_in_one_line(tmp_path: Path, pins: Path) -> None:
    (pins / "theano.txt").write_text("mine==1.0+cpu\n")
    nowhere = (tmp_path / "nowhere").as_uri()
    for index, named in {nowhere: [nowhere, "mine==1.0+cpu"], "null": ["mine"]}.items():
        with pytest.raises(UserError) as caught:
            installation = _installation(tmp_path, [], f"backend.index={index}")
            installation._install_packages(tmp_path / f"made {index == 'null'}", tmp_path / "log")
        assert [name for name in named if name not in str(caught.value)] == [], str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_gpu_build_shares_files_with_uvs_cache_and_never_its_damage(tmp_path: Path, pins: Path) -> None:
    (pins / "linked.txt").write_text("six==1.17.0\n")
    steps: list[str] = []
    installation = _installation(tmp_path, steps, LINKED, ON_GPU)
    files = []
    for name in ("one", "two"):
        installation._install_packages(tmp_path / name, tmp_path / "log")
        (file,) = (tmp_path / name).glob("lib/python3*/site-packages/six.py")
        files.append(file)
    assert files[0].stat().st_ino == files[1].stat().st_ino
    assert not any("damaged" in step for step in steps)
    sound = files[0].read_bytes()
    with files[0].open("ab") as damaged:
        damaged.write(b"damaged")
    installation._install_packages(tmp_path / "three", tmp_path / "log")
    (file,) = (tmp_path / "three").glob("lib/python3*/site-packages/six.py")
    assert file.read_bytes() == sound
    assert any("damaged files of six" in step for step in steps)


def test_a_cpu_build_is_a_copy(tmp_path: Path, pins: Path) -> None:
    (pins / "theano.txt").write_text("six==1.17.0\n")
    _installation(tmp_path, [])._install_packages(tmp_path / "made", tmp_path / "log")
    (file,) = (tmp_path / "made").glob("lib/python3*/site-packages/six.py")
    assert file.stat().st_nlink == 1
