"""Removes passwords and access tokens from messages, log records and runs."""

import contextlib
import logging
import re
from typing import Any, TypeVar

# A user with a password, which may hold any character but white space, or a user alone.
_USER = re.compile(r"(?<=://)(?:[^:/@\s]*:\S*|[^/?#\s]+)@")
# A password among an address' options: postgresql://host/db?user=me&password=secret
_OPTION = re.compile(r"(?<=[?&])(password|passwd|pwd|token|access_token|secret)=[^&\s'\"]*", re.IGNORECASE)

_Error = TypeVar("_Error", bound=BaseException)


def without_credentials(text: str) -> str:
    """Return a text without the users and passwords of its addresses (`https://user:password@host`)."""
    return _OPTION.sub(r"\1=...", _USER.sub("", text))


def redact(error: _Error) -> _Error:
    """Remove passwords from the messages of an error and of its causes, which a traceback prints; return the error."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            one.args = tuple(_redacted(argument) for argument in one.args)
            waiting += [one.__cause__, one.__context__, *(each for each in one.args if isinstance(each, BaseException))]
    return error


def _redacted(argument: Any) -> Any:
    if isinstance(argument, BaseException):
        return argument
    text = str(argument)
    return argument if without_credentials(text) == text else without_credentials(text)


def redact_logs() -> None:
    """Remove passwords from every log record of this process, from any library; may be called repeatedly."""
    make = logging.getLogRecordFactory()
    if getattr(make, "redacts", False):
        return

    def redacting(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = make(*arguments, **named)
        with contextlib.suppress(TypeError, ValueError):  # the message does not match its arguments; logging reports it
            text = record.getMessage()
            if without_credentials(text) != text:
                record.msg, record.args = without_credentials(text), None
        if record.exc_info and record.exc_info[1]:
            redact(record.exc_info[1])
        return record

    redacting.redacts = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(redacting)
