"""Finds a data set's published files, each checked: in a folder, in an archive, or in one that is downloaded now."""

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
    """What one file holds, and where that was found, in the words of an error message."""

    member: str
    where: str
    content: bytes


@dataclass(frozen=True)
class Published:
    """The files of a data set as they are published: packed into one archive.

    Attributes:
        archive: the archive, whence it is downloaded.
        names: what the archive may be called where somebody else has put it.
        members: the digest ("md5:..." or "sha256:...") of each file that is wanted, by its path in the archive; all
            paths begin with the same folder.
    """

    archive: RemoteFile
    names: tuple[str, ...]
    members: Mapping[str, str]

    def contents(self, root: Path | None, cache: Path) -> Iterator[Content]:
        """Yield every file once, in any order, each with its digest checked.

        The files are taken from their folder in `root`, `root` itself or the folder in `cache`, else from an archive
        in `root` or `cache`, else from one that is downloaded into `cache`. An archive found here may be packed
        differently from the published one (Keras' own copies are), so that only the files in it are checked.

        Raises:
            UserError: a file is damaged, or missing beside others of the data set.
            DownloadError: none is here, and the archive cannot be fetched.
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
        """Return the files that `contents` reads if this is its root or its cache: an archive, or those wanted."""
        unpacked = self._unpacked(place)
        return [path for path in unpacked.values() if path.is_file()] or self._archives(place)[:1]

    def __str__(self) -> str:
        """Return what a folder must hold, for an error message."""
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
        """Return the path of each member in the folder that holds any; empty if none does."""
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
    """Yield these members of a tar archive, in the archive's order, without unpacking anything to disk.

    A member counts only under its exact name and as a regular file, so that neither paths that lead out of the
    archive nor links do any harm.

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
