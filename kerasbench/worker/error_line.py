"""Reduces an error to one line: a framework's message may have fifty lines, and the first is often a heading."""

import os
import re
import sys
import traceback

_OURS = os.path.dirname(os.path.abspath(__file__))
_MOST_CHARACTERS = 500
_COLOUR = re.compile("\x1b\\[[0-9;]*m")
_BOLD = re.compile("\x1b\\[1m(.*)")
_CHECK_FAILED = re.compile("Check failed")
_ERROR = re.compile(r"^(\w+\.)*\w*(Error|Exception): \S")
_GRAPH_NODE = "[[{{node"
_LOGGED = re.compile(r"^\[\d\d:\d\d:\d\d\] \S+:\d+: ")
_AFTER_THE_MESSAGE = re.compile("^(Stack trace|Traceback|\\[CALL STACK\\]|-{10})")


class OwnCodeFailed(Exception):
    """A user's own script or model failed; the message says where and why, in one line."""


def one_line(error: BaseException) -> str:
    """Return an exception's type and the most informative line of its message."""
    if isinstance(error, OwnCodeFailed):
        return str(error)
    kind = type(error).__name__
    line = _telling_line(str(error))
    return line if line.startswith(kind + ":") else "{}: {}".format(kind, line)


def _telling_line(message: str) -> str:
    # Keras 3 prints a layer's error in bold, between "Exception encountered when calling ..." and its arguments.
    bold = _BOLD.search(message)
    if bold and bold.group(1).strip():
        return _shortened(bold.group(1))
    lines = [line.strip() for line in _COLOUR.sub("", message).splitlines() if line.strip()]
    if not lines:
        return "(no message)"
    for pattern in (_CHECK_FAILED, _ERROR, _LOGGED):  # MXNet and TensorFlow; a nested traceback's last line; MXNet
        found = [line for line in lines if pattern.search(line)]
        if found:
            return _shortened(found[0 if pattern is _CHECK_FAILED else -1])
    for place, line in enumerate(lines[1:]):
        if line.startswith(_GRAPH_NODE):  # TensorFlow prints the graph node below the error
            return _shortened(lines[place])
    for line in lines:
        if _AFTER_THE_MESSAGE.match(line):
            break
        if not line.endswith(":"):  # a heading ends with a colon
            return _shortened(line)
    return _shortened(lines[0])


def _shortened(line: str) -> str:
    text = " ".join(_COLOUR.sub("", line).split())
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 3] + "..."


def located(path: str, error: BaseException, told: str) -> str:
    """Return what went wrong, after the innermost place in a user's file or in a module of its folder."""
    folder = os.path.dirname(os.path.realpath(path))
    places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError):
        places.append((error.filename or "", error.lineno or 0))
    for file, line in reversed(places):
        if _is_own(os.path.realpath(file), folder):
            return "{}:{}: {}".format(os.path.relpath(os.path.realpath(file), folder), line, told)
    return "{}: {}".format(os.path.basename(path), told)


def _is_own(file: str, folder: str) -> bool:
    others = [os.path.realpath(path) for path in (sys.prefix, sys.base_prefix, _OURS)]
    return file.startswith(folder + os.sep) and not any(file.startswith(other + os.sep) for other in others)
