"""Errors that a user can fix, and their report in one line."""

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator

from kerasbench.credentials import without_credentials

_HYDRA = ("hydra", "omegaconf", "antlr4")  # by name: a user's own process, and `--help`, need not import them
TRACEBACKS = os.environ.get("HYDRA_FULL_ERROR") == "1"  # as the user set it, before train.py sets it for Hydra


class UserError(Exception):
    """An error in the user's input or system; its message says in one line what is wrong, where, and how to fix it."""


class RunFailed(Exception):
    """A run cannot continue, or violates a check; its one-line message is recorded as the reason."""


@contextlib.contextmanager
def reporting(unexpected: bool = False) -> Iterator[None]:
    """Print a user's error in one line and exit with status 2; HYDRA_FULL_ERROR=1 shows the traceback.

    Args:
        unexpected: on any other exception, print the traceback and exit with status 1, if the caller would ignore it.
    """
    try:
        yield
    except Exception as error:
        expected = isinstance(error, UserError) or _is_a("hydra", error) or _is_a("omegaconf", error)
        if expected and TRACEBACKS:
            raise
        if expected or (_is_of_hydra(error) and not TRACEBACKS):
            print(f"error: {one_line(error)}", file=sys.stderr)
            raise SystemExit(2) from None
        if not unexpected:
            raise
        traceback.print_exc()
        raise SystemExit(1) from None


def _is_a(package: str, error: BaseException) -> bool:
    """Return whether an error's class, or one that it inherits from, is a package's own."""
    return any(kind.__module__.partition(".")[0] == package for kind in type(error).__mro__)


def _is_of_hydra(error: Exception) -> bool:
    """Return whether Hydra itself raised an error, which the user's input must have caused."""
    frames = traceback.walk_tb(error.__traceback__)
    packages = [frame.f_globals.get("__name__", "").partition(".")[0] for frame, _ in frames]
    ours_or_hydras = [package for package in packages if package in (*_HYDRA, "kerasbench", "hydra_plugins")]
    return bool(ours_or_hydras) and ours_or_hydras[-1] in _HYDRA


def one_line(error: BaseException) -> str:
    """Return an error's message, and its cause's, in one line, without footers and without passwords."""
    text, cause = _without_footers(error), error.__cause__
    if cause and _is_a("omegaconf", cause):
        text = f"{text} {_without_footers(cause)}"
    return without_credentials(text) or type(error).__name__


def _without_footers(error: BaseException) -> str:
    text = str(error)
    for footer in ("Config search path:", "full_key:", "Set the environment variable", "To append to your config"):
        text = text.partition(footer)[0]
    return " ".join(text.split())
