"""Sizes of environments: of their packages before they are downloaded, and on disk."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from kerasbench.machine.hardware import this_platform
from kerasbench.paths import REQUIREMENTS

# `make lock` writes it: the size of each pinned package on PLATFORM in bytes, as a wheel and installed, of whatever
# version of Python the driver may have.
RECORDED = REQUIREMENTS / "sizes.json"
PLATFORM = "linux-x86_64"


@dataclass(frozen=True)
class Packages:
    """The size of a list of packages, in bytes.

    Attributes:
        download: of their wheels.
        installed: of their files.
    """

    download: int
    installed: int

    def __str__(self) -> str:
        """In words, for a message."""
        return f"{self.installed / 1e6:,.0f} MB on disk, at most {self.download / 1e6:,.0f} MB to download"


@dataclass(frozen=True)
class OnDisk:
    """The size of a folder, in bytes.

    Attributes:
        apparent: of its files, each counted once.
        own: of those that nothing else shares by hard links; what deleting the folder frees at least.
    """

    apparent: int
    own: int


def of_packages(requirements: Path) -> Packages | None:
    """Return the size of a file's pinned packages; None if it is not recorded for all, or for another platform."""
    if this_platform() != PLATFORM or not RECORDED.is_file():
        return None
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    try:
        sizes = [recorded[package] for package in pinned(requirements)]
    except (KeyError, ValueError):
        return None
    return Packages(sum(size["download"] for size in sizes), sum(size["installed"] for size in sizes))


def pinned(requirements: Path) -> list[str]:
    """Return a file's packages for this machine, each with its version.

    Raises:
        ValueError: it holds something else than pinned packages: an address, an option, a package of any version.
    """
    lines = [line.partition("#")[0].strip() for line in requirements.read_text(encoding="utf-8").splitlines()]
    wanted = [Requirement(line) for line in lines if line]
    here = [one for one in wanted if one.marker is None or one.marker.evaluate()]
    versions = {one.name: [pin.version for pin in one.specifier if pin.operator in ("==", "===")] for one in here}
    if not all(len(found) == 1 for found in versions.values()):
        raise ValueError(f"{requirements} does not pin all its packages")
    return [f"{name}=={version}" for name, (version,) in versions.items()]


def on_disk(folder: Path) -> OnDisk:
    """Return the size of a folder; symbolic links are not followed."""
    files: dict[int, list[int]] = defaultdict(list)  # by inode: size, links in all, links in the folder
    for path in folder.rglob("*"):
        state = path.lstat()
        if path.is_file() and not path.is_symlink():
            known = files[state.st_ino] or [state.st_size, state.st_nlink, 0]
            files[state.st_ino] = [*known[:2], known[2] + 1]
    own = sum(size for size, links, here in files.values() if links == here)
    return OnDisk(sum(size for size, _, _ in files.values()), own)
