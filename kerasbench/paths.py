"""Where things lie in the project."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
CONF = PROJECT / "conf"
REQUIREMENTS = PROJECT / "requirements"


def project_path(relative: str) -> str:
    """Return `relative` as an absolute path in the project, whatever folder the user is in."""
    return str(PROJECT / relative)
