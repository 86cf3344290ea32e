"""Where things lie in the project."""

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
CONF = PROJECT / "conf"
REQUIREMENTS = PROJECT / "requirements"


def project_path(relative: str) -> str:
    """Return `relative` as an absolute path in the project, whatever folder the user is in."""
    return str(PROJECT / relative)


def sqlite_uri(file: Path | str) -> str:
    """Return the address of a SQLite store in a file, whatever characters its path has.

    SQLAlchemy takes a `?` for the beginning of options and decodes `%2F`. All other characters stand for themselves:
    MLflow takes an encoded folder literally when it creates a database's folder.
    """
    path = re.sub(r"%(?=[0-9A-Fa-f]{2})", "%25", str(file)).replace("?", "%3F")
    return f"sqlite:///{path}"
