"""The configuration of a user's own model (`model=./net.py:build`) and data (`data=./table.csv`)."""

import hashlib
import re
from pathlib import Path
from typing import Any

from kerasbench.paths import STARTED_IN, absolute
from kerasbench.terminal.errors import UserError

_EPOCHS, _BATCH_SIZE = 5, 32  # Keras' default batch size
_NOT_OF_A_NAME = re.compile(r"[^\w.-]+", re.ASCII)


def is_own(group: str, choice: str) -> bool:
    """Return whether a choice of a config group is a path or an importable function rather than a name."""
    if group == "model":
        return ":" in choice or choice.endswith(".py")
    return group == "data" and ("/" in choice or ":" in choice or Path(choice).suffix != "")


def content(group: str, choice: str) -> dict[str, Any]:
    """Return the content of a config file for a user's own choice.

    Raises:
        UserError: the file does not exist.
    """
    return _model(choice) if group == "model" else _data(choice)


def _model(choice: str) -> dict[str, Any]:
    """Return the configuration of `FILE.py:FUNCTION` or `PACKAGE.MODULE:FUNCTION`."""
    module, _, function = choice.rpartition(":") if ":" in choice else (choice, "", "build")
    if not module or not function.isidentifier():
        raise UserError(f"model={choice} must be written as FILE.py:FUNCTION or PACKAGE.MODULE:FUNCTION")
    file: Path | None
    if module.endswith(".py"):
        file = Path(absolute(module))
        if not file.is_file():
            raise UserError(f"model={choice}: there is no file {file}")
        module = file.stem
    else:
        file = _file_of(module)
    stem = module.rpartition(".")[2]
    return {
        "name": name_of(stem if function == "build" else f"{stem}.{function}"),
        "module": module,
        "function": function,
        "own": True,
        "file": str(file) if file else None,
        "digest": digest_of(file.read_bytes()) if file else None,
        "epochs": _EPOCHS,
        "batch_size": _BATCH_SIZE,
    }


def _file_of(module: str) -> Path | None:
    """Return the file of a module in the folder that the command started in.

    None if it is not there: it may be installed in the backend's environment.
    """
    path = STARTED_IN.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _data(choice: str) -> dict[str, Any]:
    """Return the configuration of a file or folder of data, or of `FILE.py:FUNCTION`."""
    path, _, function = choice.rpartition(":") if ".py:" in choice else (choice, "", "")
    place = Path(absolute(path))
    if not place.exists():
        raise UserError(f"data={choice}: there is no file or folder {place}")
    folder = place.is_dir()
    return {
        "name": name_of(place.name if folder else place.stem),
        "path": str(place),
        "function": function or ("load" if place.suffix == ".py" else None),
        "images": folder,
    }


def name_of(text: str) -> str:
    """Return a text with only the characters of a name."""
    return _NOT_OF_A_NAME.sub("-", text).strip("-.") or "own"


def digest_of(content: bytes) -> str:
    """Return a short hash of a user's own file."""
    return hashlib.sha256(content).hexdigest()[:16]
