"""Finds and verifies a data set's published files: in a folder, a local archive or a downloaded archive."""

import hashlib
import tarfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from kerasbench.data.download import RemoteFile, fetch, present
from kerasbench.terminal.errors import UserError


class Content(NamedTuple):
    """The content of one file, and its location as error messages give it."""

    member: str
    where: str
    content: bytes


@dataclass(frozen=True)
class Published:
    """The files of a data set, published in one archive.

    Attributes:
        archive: the archive and its download addresses.
        names: the file names that a local copy of the archive may have.
        members: the digest ("md5:..." or "sha256:...") of each required file, by its path in the archive; all paths
            start with the same folder.
    """

    archive: RemoteFile
    names: tuple[str, ...]
    members: Mapping[str, str]

    def contents(self, root: Path | None, cache: Path) -> Iterator[Content]:
        """Yield every file once, in any order, with its digest verified.

        Unpacked files in `root` or `cache` come first, then an archive in `root` or `cache`, then a download into
        `cache`. A local archive may be packed differently from the published one (Keras' own copies are), so only the
        files in it are verified.

        Raises:
            UserError: a file is damaged, or missing although others of the data set exist.
            DownloadError: there is no local copy, and the archive cannot be downloaded.
        """
        for content in self._found(root, cache):
            algorithm, _, expected = self.members[content.member].partition(":")
            found = hashlib.new(algorithm, content.content).hexdigest()
            if found != expected:
                raise UserError(
                    f"{content.where} is damaged: its {algorithm} is {found}, not {expected}. Delete or replace it."
                )
            yield content

    def files(self, place: Path) -> list[Path]:
        """Return the files that `contents` would read from `place`: the unpacked files, or else one archive."""
        unpacked = self._unpacked(place)
        return [path for path in unpacked.values() if path.is_file()] or self._archives(place)[:1]

    def __str__(self) -> str:
        """Return what a folder must contain, for error messages."""
        return f"{self._folder()}/ or {self.names[0]}"

    def _found(self, root: Path | None, cache: Path) -> Iterator[Content]:
        places = [place for place in (root, cache) if place]
        for place in places:
            unpacked = self._unpacked(place)
            if unpacked:
                return _read_files(unpacked)
        archives = [archive for place in places for archive in self._archives(place)]
        return read_members(archives[0] if archives else fetch(self.archive, cache), self.members)

    def _unpacked(self, place: Path) -> dict[str, Path]:
        """Return the path of each member in the first folder that contains any of them; empty if none does."""
        for folder in (place / self._folder(), place):
            paths = {member: folder / PurePosixPath(member).relative_to(self._folder()) for member in self.members}
            if any(path.is_file() for path in paths.values()):
                return paths
        return {}

    def _archives(self, place: Path) -> list[Path]:
        return [place / name for name in self.names if (place / name).is_file()]

    def _folder(self) -> str:
        return PurePosixPath(next(iter(self.members))).parts[0]


def _read_files(paths: Mapping[str, Path]) -> Iterator[Content]:
    for member, path in paths.items():
        yield Content(member, str(path), present(path).read_bytes())


def read_members(path: Path, members: Collection[str]) -> Iterator[Content]:
    """Yield these members of a tar archive, in the archive's order, without unpacking to disk.

    Only regular files with exactly these names are read, so links and paths outside the archive are harmless.

    Raises:
        UserError: the archive is damaged, or lacks a member.
    """
    missing = set(members)
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member) if member.name in missing and member.isreg() else None
                if file is not None:
                    missing.remove(member.name)
                    yield Content(member.name, f"{member.name} in {path}", file.read())
                if not missing:
                    return
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise UserError(f"{path} is damaged: {error}. Delete or replace it.") from error
    raise UserError(f"{path} does not hold {', '.join(sorted(missing))}. Delete or replace it.")
