"""The project's paths: in a checkout beside its code, else in the current folder and the user's cache folder."""

import os
import re
import tempfile
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_SHIPPED = _PACKAGE / "shipped"  # a wheel puts conf/, models/ and requirements/ there

CHECKOUT = None if _SHIPPED.is_dir() else _PACKAGE.parent
PROJECT = CHECKOUT or _SHIPPED  # contains conf/, models/ and requirements/; read-only
CONF = PROJECT / "conf"
REQUIREMENTS = PROJECT / "requirements"
IMPORTED_FROM = _PACKAGE.parent  # for PYTHONPATH, where the package may not be installed
STARTED_IN = Path.cwd()  # hydra.job.chdir changes the current folder later

# Whether `mlflow run URL` fetched this checkout: into a new temporary folder each time, with the last commit only.
FETCHED = (
    CHECKOUT is not None
    and CHECKOUT.parent == Path(tempfile.gettempdir()).resolve()
    and re.fullmatch(rf"{tempfile.gettempprefix()}[a-z0-9_]{{8}}", CHECKOUT.name) is not None
    and (CHECKOUT / ".git" / "shallow").exists()
)

_IN_CHECKOUT = {"envs": ".envs"}  # the other caches of a checkout are in .cache/


def work_path(name: str) -> str:
    """Return the absolute path for results: in the checkout, or, if installed, in the folder the command started in."""
    return str((CHECKOUT or STARTED_IN) / name)


def cache_path(name: str) -> str:
    """Return the absolute path of a cache: in the checkout, or, if installed or fetched, in the user's cache folder."""
    if CHECKOUT and not FETCHED:
        return str(CHECKOUT / _IN_CHECKOUT.get(name, f".cache/{name}"))
    import platformdirs  # not above: most commands run in a checkout

    return str(platformdirs.user_cache_path("kerasbench") / name)


def absolute(path: str) -> str:
    """Return the absolute form of a path that the user wrote, relative to the folder the command started in."""
    return str(STARTED_IN / Path(path).expanduser())


def tracking_uri() -> str:
    """Return MLFLOW_TRACKING_URI; if it is unset or, as in MLflow, empty, a SQLite file in mlruns/."""
    return os.environ.get("MLFLOW_TRACKING_URI", "").strip() or sqlite_uri(work_path("mlruns/mlflow.db"))


def sqlite_uri(file: Path | str) -> str:
    """Return the address of a SQLite store in a file, whatever characters its path has.

    SQLAlchemy reads options after a `?` and decodes `%2F`. All other characters stay unencoded, because MLflow does
    not decode the path when it creates a database's folder.
    """
    path = re.sub(r"%(?=[0-9A-Fa-f]{2})", "%25", str(file)).replace("?", "%3F")
    return f"sqlite:///{path}"
