"""Reads a user's .npz file, compressed or not, without unpickling anything."""

import functools
import hashlib
import zipfile
from pathlib import Path
from typing import IO

from kerasbench.data.own import npy
from kerasbench.data.own.source import Array, Source, damage
from kerasbench.terminal.errors import UserError


class Npz:
    """The arrays of an .npz file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def files(self, known: list[str]) -> list[Path]:
        """Return the file."""
        return [self._path]

    def content(self, scratch: Path) -> str:
        """Return a digest of the file."""
        return file_digest(self._path)

    def read(self, scratch: Path) -> Source:
        """Return the arrays."""
        with damage(str(self._path)), zipfile.ZipFile(self._path) as archive:
            members = archive.infolist()
        arrays: dict[str, Array] = {}
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name in arrays:
                raise UserError(f"{self._path} holds {name} twice")
            opened = functools.partial(_Member, self._path, member)
            arrays[name] = npy.array(name, f"{name} in {self._path}", opened, member.file_size)
        return Source(arrays)


class _Member:
    """Opens a member of an archive, and closes both."""

    def __init__(self, path: Path, member: zipfile.ZipInfo) -> None:
        self._archive = zipfile.ZipFile(path)
        self._member = member

    def __enter__(self) -> IO[bytes]:
        try:
            self._stream = self._archive.open(self._member)
        except BaseException:
            self._archive.close()
            raise
        return self._stream

    def __exit__(self, *raised: object) -> None:
        self._stream.close()
        self._archive.close()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
