"""Fetches the files of a data set: checked by their digest, continued where an earlier attempt broke off."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pooch
import requests
from filelock import FileLock
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from kerasbench.terminal.errors import UserError

_TIMEOUT = (5.0, 30.0)  # seconds to connect, and between two blocks
_BLOCK = 1 << 18  # bytes


class DownloadError(Exception):
    """A file could not be fetched; the message says which, whence, and why."""


@dataclass(frozen=True)
class RemoteFile:
    """A published file.

    Attributes:
        name: its name in the data set's folder.
        digest: "md5:..." or "sha256:...".
        urls: where it is published, the first choice first.
    """

    name: str
    digest: str
    urls: tuple[str, ...]


def present(path: Path) -> Path:
    """Return the path of one of several files of a data set, some of which are there.

    Raises:
        UserError: this one is not.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing, though other files of the data set are there. Add it.")
    return path


def verified(path: Path, digest: str) -> Path:
    """Return `path` if its content has this digest.

    Raises:
        UserError: it has not: the file is damaged, or another; or it is missing.
    """
    algorithm, _, expected = digest.partition(":")
    found = pooch.file_hash(str(present(path)), alg=algorithm)
    if found != expected:
        raise UserError(f"{path} is damaged: its {algorithm} is {found}, not {expected}. Delete or replace it.")
    return path


def fetch(file: RemoteFile, folder: Path) -> Path:
    """Return the file in `folder`, fetched if it is not there yet.

    Raises:
        DownloadError: no address gave the file, or what came has another digest.
    """
    failures = []
    target = folder / file.name
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{file.name}.lock"):  # another process may want it, too, and would write to the same part
        for url in file.urls:
            try:
                return Path(
                    pooch.retrieve(url, file.digest, fname=file.name, path=folder, downloader=_Resuming(target))
                )
            except (requests.RequestException, OSError, ValueError) as error:
                failures.append(f"{url}: {_short(error)}")
    raise DownloadError(f"{file.name} could not be downloaded ({'; '.join(failures)})")


def _short(error: Exception) -> str:
    if isinstance(error, requests.ConnectTimeout | requests.ReadTimeout):
        return "no answer in time"
    if isinstance(error, requests.HTTPError):
        return f"HTTP status {error.response.status_code}"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return str(error).splitlines()[0] if str(error) else type(error).__name__


class _Resuming:
    """A pooch downloader that keeps what came in NAME.part, and asks only for the rest of it."""

    def __init__(self, target: Path) -> None:
        self._part = target.with_name(target.name + ".part")

    def __call__(self, url: str, output_file: str, pooch: Any, check_only: bool = False) -> None:
        have = self._part.stat().st_size if self._part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                self._part.unlink()  # all of it came before, and its digest was wrong
                raise OSError("what an earlier attempt left is not this file; try again")
            response.raise_for_status()
            if response.status_code != requests.codes.partial_content:
                have = 0  # the server sends the whole file
            self._receive(response, have)
        self._part.replace(output_file)  # pooch checks the digest, and deletes the file if it is wrong

    def _receive(self, response: requests.Response, have: int) -> None:
        rest = int(response.headers.get("Content-Length", 0))
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with self._part.open("ab" if have else "wb") as part, Progress(*columns, transient=True) as progress:
            task = progress.add_task(f"downloading {self._part.stem}", total=have + rest or None, completed=have)
            for block in response.iter_content(_BLOCK):
                part.write(block)
                progress.advance(task, len(block))
        if rest and self._part.stat().st_size < have + rest:
            raise OSError("the connection broke off; what came is kept, and the next attempt continues")
