"""Reads the packages that a user wants beside a backend's: environments.extra and environments.requirements."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.requirements import InvalidRequirement, Requirement

from kerasbench.config.schema import EnvironmentsConfig
from kerasbench.credentials import without_credentials
from kerasbench.terminal.errors import UserError

_COMMENT = re.compile(r"(^|\s)#.*")  # as in pip: `package @ https://host/file.whl#sha256=...` has none


def extra(environments: EnvironmentsConfig) -> tuple[str, ...]:
    """Return the extra requirements in one spelling, sorted: the same packages are the same environment.

    Args:
        environments: as configured, with an absolute path of the requirements file.

    Raises:
        UserError: the file cannot be read or names no package, or a line is not a requirement.
    """
    named = [(f"environments.extra={text}", text) for text in environments.extra]
    if environments.requirements:
        named += _lines(Path(environments.requirements))
    return tuple(sorted({_requirement(where, text) for where, text in named}))


def _lines(file: Path) -> list[tuple[str, str]]:
    """Return the file's requirements, each with its place for messages."""
    named = f"environments.requirements={file}"
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UserError(f"{named} cannot be read: {reason}") from error
    found = [(f"{named}, line {number}", text) for number, text in _without_comments(lines)]
    if not found:
        raise UserError(f"{named} names no package")
    return found


def _without_comments(lines: list[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, start=1):
        if text := _COMMENT.sub("", line).strip():
            yield number, text


def _requirement(where: str, text: str) -> str:
    shown = without_credentials(text)[:60]
    if text.startswith("-"):
        raise UserError(
            f"{without_credentials(where)}: `{shown}` is an option. Name packages only: kerasbench takes the package "
            "sources from pip's and uv's configuration"
        )
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise UserError(
            f"{without_credentials(where)}: `{shown}` is not a requirement; examples are pandas, pandas>=2 and "
            "name @ https://host/file.whl"
        ) from error
    url = urlsplit(requirement.url or "")
    if url.scheme == "file" and not Path(url2pathname(url.path)).is_file():
        raise UserError(
            f"{where}: {url2pathname(url.path)} is not a file. Of a local package, name a wheel "
            "(`uv build --wheel` makes it): later changes in a folder would be ignored"
        )
    return str(requirement)
