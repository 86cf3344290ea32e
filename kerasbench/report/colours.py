"""One colour per backend, on the page, in every plot and in the terminal.

Okabe and Ito's palette ('Color universal design', 2008), told apart by colour-blind readers, on light and dark; its
black is grey here, its yellow, hardly seen on white, is left out.
"""

import zlib

BACKENDS = {
    "tensorflow": "#e69f00",
    "jax": "#009e73",
    "torch": "#d55e00",
    "tensorflow1": "#8c8c8c",
    "cntk": "#0072b2",
    "theano": "#cc79a7",
    "mxnet": "#56b4e9",
}
_OTHERS = ("#aa4499", "#999933", "#44aa99", "#882255", "#6f63bb")  # from Paul Tol's `muted`
# Where the time goes: what happens once in greys and blues, training in the strongest, validation apart.
PHASES = {
    "start": "#b9bdc4",
    "import": "#8d99ae",
    "load": "#6b7a99",
    "build": "#88ccee",
    "compile": "#ddaa33",
    "train": "#117a8b",
    "validate": "#bb5577",
    "other": "#d6cfc4",
}
# For readers who see no colours, a shape of its own.
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")


def colour(backend: str) -> str:
    """Return a backend's colour; that of an unknown one follows from its name."""
    return BACKENDS.get(backend) or _OTHERS[zlib.crc32(backend.encode()) % len(_OTHERS)]


def marker(backend: str) -> str:
    """Return a backend's shape in plots; that of an unknown one follows from its name."""
    names = list(BACKENDS)
    if backend in names:
        return _MARKERS[names.index(backend)]
    unknown = _MARKERS[len(names) :]
    return unknown[zlib.crc32(backend.encode()) % len(unknown)]
