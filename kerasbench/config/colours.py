"""One colour and one shape per backend: on the page, in every plot, in the terminal, in MLflow.

Each backend's file names its own. The colours are Okabe and Ito's palette ('Color universal design', 2008), told apart
by colour-blind readers, on light and dark; its black is grey here, its yellow, hardly seen on white, is left out. The
shapes are for readers who see no colours.
"""

import functools
import zlib

from omegaconf import OmegaConf

from kerasbench.paths import CONF

# For backends that name none, or are known to the store alone; the colours are from Paul Tol's `muted`.
_OTHERS = ("#aa4499", "#999933", "#44aa99", "#882255", "#6f63bb")
_OTHER_MARKERS = ("<", ">", "p", "h", "*")


def colour(backend: str) -> str:
    """Return a backend's colour; where its file names none, it follows from its name."""
    return _look(backend).get("colour") or _OTHERS[zlib.crc32(backend.encode()) % len(_OTHERS)]


def marker(backend: str) -> str:
    """Return a backend's shape, in Matplotlib's letters; where its file names none, it follows from its name."""
    return _look(backend).get("marker") or _OTHER_MARKERS[zlib.crc32(backend.encode()) % len(_OTHER_MARKERS)]


@functools.cache
def _look(backend: str) -> dict[str, str | None]:
    file = CONF / "backend" / f"{backend}.yaml"
    if not file.is_file():
        return {}
    settings = OmegaConf.to_container(OmegaConf.load(file))
    assert isinstance(settings, dict)
    return {name: settings.get(name) for name in ("colour", "marker")}
