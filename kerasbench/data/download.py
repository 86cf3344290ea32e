"""Downloads the files of a data set, verifies their digests, and resumes interrupted downloads."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pooch
import requests
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from kerasbench import lease
from kerasbench.terminal.errors import UserError

_TIMEOUT = (5.0, 30.0)  # seconds to connect, and between two blocks
_BLOCK = 1 << 18  # bytes


class DownloadError(Exception):
    """A file could not be downloaded; the message gives the file, the addresses and the reasons."""


@dataclass(frozen=True)
class RemoteFile:
    """A published file.

    Attributes:
        name: its name in the data set's folder.
        digest: "md5:..." or "sha256:...".
        urls: its addresses, in order of preference.
    """

    name: str
    digest: str
    urls: tuple[str, ...]


def present(path: Path) -> Path:
    """Return `path`, one of several files of a data set, if the file exists.

    Raises:
        UserError: it does not.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing, but other files of the data set exist. Add it.")
    return path


def verified(path: Path, digest: str) -> Path:
    """Return `path` if the file has this digest.

    Raises:
        UserError: the file is missing, damaged or a different one.
    """
    algorithm, _, expected = digest.partition(":")
    found = pooch.file_hash(str(present(path)), alg=algorithm)
    if found != expected:
        raise UserError(f"{path} is damaged: its {algorithm} is {found}, not {expected}. Delete or replace it.")
    return path


def fetch(file: RemoteFile, folder: Path) -> Path:
    """Return the file in `folder`; download it if it is missing.

    Raises:
        DownloadError: no address provided the file with its digest.
    """
    failures = []
    target = folder / file.name
    folder.mkdir(parents=True, exist_ok=True)
    with lease.held(folder, file.name):  # another process may write to the same part
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
    """A pooch downloader that keeps a partial download in NAME.part, and requests only the rest."""

    def __init__(self, target: Path) -> None:
        self._part = target.with_name(target.name + ".part")

    def __call__(self, url: str, output_file: str, pooch: Any, check_only: bool = False) -> None:
        have = self._part.stat().st_size if self._part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                self._part.unlink()  # it was complete, and its digest was wrong
                raise OSError("the partial download was not this file and is deleted; try again")
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
            raise OSError("the connection was lost; the partial download is kept, and the next attempt resumes it")
