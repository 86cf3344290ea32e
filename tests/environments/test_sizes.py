"""Sizes of environments: told before a download, shown while it runs, and counted on disk; what is shared is sound."""

import base64
import hashlib
import os
from pathlib import Path

import pytest
from packaging import markers

from kerasbench.environments import hard_links, sizes
from kerasbench.environments.download import Download
from kerasbench.environments.sizes import OnDisk
from kerasbench.paths import REQUIREMENTS


def test_a_file_counts_once_and_as_own_unless_it_is_shared_beyond_the_folder(tmp_path: Path) -> None:
    cache, folder = tmp_path / "cache", tmp_path / "environment"
    for path in (cache, folder):
        path.mkdir()
    (folder / "mine").write_bytes(bytes(10))
    os.link(folder / "mine", folder / "mine too")
    (cache / "library").write_bytes(bytes(500))
    os.link(cache / "library", folder / "library")
    (folder / "link").symlink_to(cache / "library")
    assert sizes.on_disk(folder) == OnDisk(apparent=510, own=10)


@pytest.mark.parametrize("python", ["3.11.7", "3.12.9", "3.13.1"])
@pytest.mark.parametrize("file", sorted(REQUIREMENTS.glob("*.txt")), ids=lambda file: str(file.stem))
def test_the_size_of_each_backends_packages_is_known_before_they_are_downloaded(
    file: Path, python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if file.stem in ("driver", "dev"):
        return
    monkeypatch.setattr(sizes, "this_platform", lambda: sizes.PLATFORM)
    here = markers.default_environment()
    here |= {"python_full_version": python, "python_version": python.rpartition(".")[0]}
    monkeypatch.setattr(markers, "default_environment", lambda: here)
    size = sizes.of_packages(file)
    assert size is not None
    assert 10e6 < size.download < size.installed < 20e9


def test_a_package_whose_size_is_not_recorded_leaves_the_size_open(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("six==99.0  # of a later day\nnosuch==1.0 ; sys_platform == 'win32'\n")
    assert sizes.pinned(file) == ["six==99.0"]
    assert sizes.of_packages(file) is None


def test_a_download_tells_how_much_has_arrived() -> None:
    told: list[str] = []
    download = Download(told.append)
    for line in ("Resolved 3 packages in 5ms", "Downloading torch (1.5GiB)", "Downloading numpy (10.0MiB)",
                 " Downloaded numpy", "Prepared 3 packages in 1s", " + torch==2.13.0"):  # fmt: skip
        download.read(line + "\n")
    assert download.done == 10 * 2**20
    assert sum(download.sizes.values()) == 1.5 * 2**30 + 10 * 2**20
    (line,) = told
    assert "10 of 1,621 MB" in line


@pytest.mark.parametrize("shared", [True, False])
def test_damage_is_found_in_files_that_are_shared(tmp_path: Path, shared: bool) -> None:
    site = tmp_path / "environment/lib/python3.11/site-packages"
    content = b"code"
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    for package in ("nvidia_cudnn_cu13", "six"):
        info = site / f"{package}-9.20.0.dist-info"
        info.mkdir(parents=True)
        (site / f"{package}.so").write_bytes(content)
        (info / "RECORD").write_text(f"{package}.so,sha256={digest},4\n{info.name}/RECORD,,\n")
        if shared:
            os.link(site / f"{package}.so", tmp_path / f"{package}.so")
    assert hard_links.damaged(tmp_path / "environment") == []
    with (site / "nvidia_cudnn_cu13.so").open("r+b") as file:
        file.write(b"x")
    assert hard_links.damaged(tmp_path / "environment") == (["nvidia_cudnn_cu13"] if shared else [])


@pytest.mark.parametrize(
    "line", ["six", "six>=1", "six @ file:///somewhere/six.whl", "--index-url https://host.example"]
)
def test_the_size_of_packages_that_are_not_pinned_is_not_known(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "this_platform", lambda: sizes.PLATFORM)
    file = tmp_path / "requirements.txt"
    file.write_text(f"{line}\n")
    assert sizes.of_packages(file) is None
