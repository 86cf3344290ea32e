"""A script: calls a user's function, and keeps the arrays that it returns as .npy files.

It runs in a process of its own, because it runs a user's code. Its standard input says what to call, as JSON.
"""

import importlib.util
import json
import os
import re
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

ANSWER = "answer.json"
_PARTS = ("_train", "_test")
_OURS = tuple({os.path.realpath(path) for path in (sys.prefix, sys.base_prefix, "/proc", "/sys", "/dev", "/etc")})
_NAME = re.compile(r"\w{1,100}", re.ASCII)


class _Unusable(Exception):
    """The function returned something that is not data."""


def main() -> None:
    """Call the function, and write the answer: the names of the arrays and of the files read, or the error."""
    asked = json.load(sys.stdin)
    file, folder = Path(asked["file"]), Path(asked["folder"])
    read: dict[str, None] = {}
    sys.path.insert(0, str(file.parent))
    sys.addaudithook(lambda event, arguments: _record(event, arguments, read))
    try:
        function = getattr(_module(file), asked["function"])
        arrays = named(function(**asked["options"]))
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
        beside = {os.path.realpath(folder), os.path.realpath(__file__), *map(os.path.realpath, sys.path)}
        kept = [path for path in sorted(read) if path not in beside and not path.startswith(f"{folder}{os.sep}")]
        answer: dict[str, Any] = {"arrays": list(arrays), "read": kept}
    except _Unusable as error:
        answer = {"error": str(error)}
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        answer = {"error": _told(error)}
    (folder / ANSWER).write_text(json.dumps(answer), encoding="utf-8")


def _module(file: Path) -> ModuleType:
    """Import a file under its own name, which dataclasses and multiprocessing look up."""
    name = file.stem if file.stem not in sys.modules else f"own_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec and spec.loader
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def named(result: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays by name, such as x_train.

    Args:
        result: a dict of arrays by name; (x, y), or (x, y, sample_weight); or two such tuples, for training and test. A
            list of arrays in place of one array holds several inputs or targets.

    Raises:
        _Unusable: it is something else.
    """
    if isinstance(result, Mapping):
        found = {str(name): value for name, value in result.items()}
    elif _is_part(result) and len(result) == 2 and all(map(_is_part, result)):
        found = {name: value for part, of in zip(_PARTS, result, strict=True) for name, value in _of(of, part).items()}
    elif _is_part(result):
        found = _of(result, "")
    else:
        raise _Unusable(
            f"it returned a {type(result).__name__}; return a dict of arrays by name (x_train, y_train, x_test, "
            "y_test), or the tuple ((x_train, y_train), (x_test, y_test)), or (x, y)"
        )
    return {name: _array(name, value) for name, value in found.items()}


def _is_part(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) in (2, 3)


def _of(part: tuple[Any, ...], suffix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in zip(("x", "y", "sample_weight"), part, strict=False):
        if isinstance(value, list | tuple) and value and all(hasattr(one, "shape") for one in value) and len(value) > 1:
            found |= {f"{name}{suffix}_{number}": one for number, one in enumerate(value)}
        elif value is not None:
            found[f"{name}{suffix}"] = value[0] if isinstance(value, list) and len(value) == 1 else value
    return found


def _array(name: str, value: Any) -> np.ndarray[Any, Any]:
    if not _NAME.fullmatch(name):
        raise _Unusable(f"it returned an array called {name[:100]!r}")
    try:
        array = np.asarray(value, order="C")
    except Exception as error:
        raise _Unusable(f"{name} is not an array: {error}") from error
    if array.dtype.hasobject:
        raise _Unusable(f"{name} holds Python objects: return numbers or text of one length in each row")
    return array


def _record(event: str, arguments: tuple[Any, ...], read: dict[str, None]) -> None:
    """Take note of a file that is read, or a folder that is listed, outside Python's own folders."""
    if event not in ("open", "os.listdir", "os.scandir") or not isinstance(arguments[0], str | bytes | os.PathLike):
        return
    path = os.path.realpath(os.fsdecode(arguments[0]))
    if event == "open":
        flags = arguments[2] if isinstance(arguments[2], int) else 0
        if flags & (os.O_WRONLY | os.O_RDWR) or not os.path.isfile(path):
            return
        if path.endswith(".pyc"):
            try:
                path = importlib.util.source_from_cache(path)
            except ValueError:
                return
    if not path.startswith(tuple(f"{folder}{os.sep}" for folder in _OURS)):
        read[path] = None


def _told(error: BaseException) -> str:
    """Return an error in one line, with the last frame in the user's own files."""
    kind, text = type(error).__name__, " ".join(str(error).split())
    message = f"{kind}: {text}" if text else kind
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}: {kind}: {error.msg}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        own = os.path.realpath(frame.filename)
        if os.path.isfile(own) and own != os.path.realpath(__file__) and not own.startswith(_OURS):
            return f"{frame.filename}, line {frame.lineno}, in {frame.name}: {message}"
    return message


if __name__ == "__main__":
    main()
