"""Configures uv with the package sources of the user's pip and uv, and with no other of their settings.

A company's mirror or a folder of wheels must work. Settings that change what is installed (constraints, overrides,
dates) must not apply, because environments are shared and their packages are pinned: uv runs with `--no-config`.
"""

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

_UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}
_NO_SOURCES = (
    "UV_BUILD_CONSTRAINT", "UV_COMPILE_BYTECODE", "UV_CONFIG_FILE", "UV_CONSTRAINT", "UV_EXCLUDE", "UV_EXCLUDE_NEWER",
    "UV_OVERRIDE", "UV_LINK_MODE", "PYTHONHOME", "PYTHONPATH",
)  # fmt: skip


def for_uv() -> dict[str, str]:
    """Return the environment variables for uv: this process's, and the configured sources.

    pip's variables win over its files, uv's file over pip, and uv's variables over all.
    """
    environment = {"UV_INDEX_STRATEGY": "unsafe-best-match", **for_its_cache()}  # as in pip: the best of all indexes
    for key, values in [*_of_pip(), *_of_uv()]:
        name = _UV_NAMES.get(key)
        if name:
            environment[name] = ("," if name == "UV_FIND_LINKS" else " ").join(values)
    return environment | {name: value for name, value in os.environ.items() if name not in _NO_SOURCES}


def for_its_cache() -> dict[str, str]:
    """Return the variables with which uv does without a cache that it cannot write; without them every command fails.

    So it is in a home folder that is missing or read-only. A folder that the user names is for uv to use or refuse.
    """
    return {} if os.environ.get("UV_CACHE_DIR") or _cache_is_writable() else {"UV_NO_CACHE": "true"}


def _cache_is_writable() -> bool:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "uv"
    if not folder.is_absolute():  # this user has no home folder
        return False
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _of_pip() -> Iterator[tuple[str, list[str]]]:
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    for line in sorted(listing.splitlines(), key=lambda line: line.startswith(":env:")):  # variables come last
        key, _, quoted = line.partition("=")
        yield key.rpartition(".")[2], quoted.strip("'").replace("\\n", " ").split()


def _of_uv() -> Iterator[tuple[str, list[str]]]:
    file = Path(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")) / "uv" / "uv.toml"
    try:
        with file.open("rb") as opened:
            chosen = tomllib.load(opened)
    except OSError:  # none, or a home folder that this user may not read
        return
    except ValueError as error:
        raise SystemExit(f"error: {file} is no TOML file: {error}") from error
    for key, value in {**chosen, **chosen.get("pip", {})}.items():
        if key in _UV_NAMES:
            yield key, [value] if isinstance(value, str) else value
    indexes = chosen.get("index", [])
    for key, default in {"index-url": True, "extra-index-url": False}.items():
        named = [f"{index['name']}={index['url']}" if "name" in index else index["url"]
                 for index in indexes if index.get("default", False) is default]  # fmt: skip
        if named:
            yield key, named


if __name__ == "__main__":  # `python pip_settings.py pip install ...` is `uv pip install ...` with pip's settings
    import uv

    os.execve(uv.find_uv_bin(), ["uv", *sys.argv[1:]], for_uv())
