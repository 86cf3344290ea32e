"""Checks what the user says about data, as far as it needs no reading of them."""

import functools
import math
from enum import Enum
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from kerasbench.config import signatures
from kerasbench.config.schema import DataConfig, DataSource, DataTask
from kerasbench.paths import CONF
from kerasbench.terminal.errors import UserError

_SAID = ("label", "scale", "task", "test_fraction", "split_seed")  # about a user's own data
_FORMS = "a folder of images, a file ending in .npz, .csv or .tsv, or FILE.py:FUNCTION"


class Kind(Enum):
    """The kinds of data that a user can bring."""

    ARRAYS = "an .npz file"
    IMAGES = "a folder of images"
    TABLE = "a table"
    FUNCTION = "a function"


_OPTIONS = {  # what data.options may hold; a function takes its own parameters
    Kind.ARRAYS: {},
    Kind.IMAGES: {"size": signatures.Parameter(False)},
    Kind.TABLE: {"drop": signatures.Parameter(False)},
}
_SUFFIXES = {".npz": Kind.ARRAYS, ".csv": Kind.TABLE, ".tsv": Kind.TABLE, ".py": Kind.FUNCTION}


def kind(path: Path) -> Kind:
    """Return the kind of data at a path.

    Raises:
        UserError: it is none of them.
    """
    of_file = _SUFFIXES.get(path.suffix.lower()) if path.is_file() else None  # not a pipe, which would block
    found = Kind.IMAGES if path.is_dir() else of_file
    if found is None:
        raise UserError(f"data={path} is not {_FORMS}")
    return found


def check(data: DataConfig) -> None:
    """Raise UserError for what nothing reads, and for what cannot be."""
    if data.path is None:
        _check_built_in(data)
        return
    path = Path(data.path)
    if not path.is_absolute() or not path.exists():
        raise UserError(f"data.path={data.path}: choose your own data as data=PATH")
    of = kind(path)
    if data.source is DataSource.embedded:
        raise UserError(f"data.source=embedded: your own data ({path}) have no stand-in; leave it out")
    if data.loader is not None:
        raise UserError(f"data.loader={data.loader}: your own data ({path}) have no loader; leave it out")
    if data.label is not None and of is not Kind.TABLE:
        raise UserError(f"data.label={data.label} names a column of a table, and {path} is {of.value}; leave it out")
    if data.images and of is Kind.TABLE:
        raise UserError(f"data.images=true: {path} is {of.value}; leave it out")
    if data.function is not None and of is not Kind.FUNCTION:
        raise UserError(f"data={path}:{data.function}: only a Python file has a function")
    _check_scale(data.scale)
    _check_options(data, of, path)


def said(data: DataConfig) -> list[str]:
    """Return the keys about a user's own data that differ from their defaults."""
    values = {name: getattr(data, name) for name in _SAID}
    plain = {name: value.name if isinstance(value, DataTask) else value for name, value in values.items()}
    return [name for name, default in _defaults().items() if plain[name] != default]


def _check_built_in(data: DataConfig) -> None:
    for name in said(data):
        value = getattr(data, name)
        shown = value.name if isinstance(value, DataTask) else value
        raise UserError(f"data.{name}={shown} is about your own data, and {data.name} is a built-in data set")
    if data.function is not None:
        raise UserError(
            f"data.function={data.function}: {data.name} is a built-in data set; write data=FILE.py:FUNCTION"
        )


def _check_scale(scale: str) -> None:
    if scale in ("auto", "none"):
        return
    try:
        number = float(scale)
    except ValueError:
        number = 0.0
    if not number > 0 or not math.isfinite(number):
        raise UserError(f"data.scale={scale[:40]} must be auto, none, or a number above 0 to divide by")


def _check_options(data: DataConfig, of: Kind, path: Path) -> None:
    if of is Kind.FUNCTION:
        named = f"data={path}:{data.function}"
        takes = signatures.parameters(path, str(data.function), named)
        if takes is not None:
            signatures.check(data.options, takes, "data.options", f"{path.name}:{data.function}")
        return
    signatures.check(data.options, _OPTIONS[of], "data.options", of.value)
    size, drop = data.options.get("size"), data.options.get("drop")
    if size is not None and not (_is_list(size, int) and len(size) == 2 and all(1 <= one <= 10_000 for one in size)):
        raise UserError(f"data.options.size={str(size)[:40]} must be [HEIGHT,WIDTH] in pixels")
    if drop is not None and not _is_list(drop, str):
        raise UserError(f"data.options.drop={str(drop)[:40]} must be a list of columns, such as [id,name]")


def _is_list(value: Any, of: type) -> bool:
    return isinstance(value, list) and all(isinstance(one, of) and not isinstance(one, bool) for one in value)


@functools.cache
def _defaults() -> dict[str, Any]:
    """Return the defaults of conf/config.yaml."""
    written = OmegaConf.load(CONF / "config.yaml").data
    return {name: written[name] for name in _SAID}
