"""The colour and the marker of each backend: on the page, in every plot, in the terminal, in MLflow.

Each backend's YAML file sets its own. The colours are Okabe and Ito's palette ('Color universal design', 2008), which
colour-blind readers can tell apart on light and dark backgrounds. Its black is grey here; its yellow, which is hard to
see on white, is left out. The markers are for readers who see no colours.
"""

import functools
import zlib

from omegaconf import OmegaConf

from kerasbench.paths import CONF

# For backends without colours in their file, or without a file; the colours are from Paul Tol's `muted`.
_OTHERS = ("#aa4499", "#999933", "#44aa99", "#882255", "#6f63bb")
_OTHER_MARKERS = ("<", ">", "p", "h", "*")
_GOLDEN_RATIO = 0.6180339887498949
_MOST = 0.45  # the largest share of white or black in a shade; with more, orange turns brown and grey turns black


def colour(backend: str, variant: str = "") -> str:
    """Return a backend's colour, `#rrggbb`; for a variant, a lighter or darker shade of the same hue.

    Both depend only on the names, so a colour is the same in every sweep.
    """
    plain = _look(backend).get("colour") or _OTHERS[zlib.crc32(backend.encode()) % len(_OTHERS)]
    return shade(plain, variant)


def of_competitor(name: str) -> str:
    """Return the colour of a competitor, named by its backend alone (`jax`) or with its variant (`jax · label=a`)."""
    backend, _, variant = name.partition(" · ")
    return colour(backend, variant)


def marker(backend: str) -> str:
    """Return a backend's marker, in Matplotlib's notation; where its file sets none, it follows from its name."""
    return _look(backend).get("marker") or _OTHER_MARKERS[zlib.crc32(backend.encode()) % len(_OTHER_MARKERS)]


def shade(plain: str, variant: str) -> str:
    """Return a variant's shade of a colour, `#rrggbb`; without a variant, the colour itself.

    Names that differ in one character (`label=a` and `label=b`, two and four threads) have neighbouring sums, and
    multiples of the golden ratio spread neighbours over the range (Knuth, The Art of Computer Programming 3, 6.4).
    """
    if not variant:
        return plain
    weighted = sum(weight * code for weight, code in enumerate(reversed(variant.encode()), start=1))
    lightness = 2 * (weighted * _GOLDEN_RATIO % 1) - 1  # -1: darkest, 1: lightest
    towards, share = (255 if lightness > 0 else 0), abs(lightness) * _MOST
    channels = (int(plain[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(channel + (towards - channel) * share):02x}" for channel in channels)


@functools.cache
def _look(backend: str) -> dict[str, str | None]:
    file = CONF / "backend" / f"{backend}.yaml"
    if not file.is_file():
        return {}
    settings = OmegaConf.to_container(OmegaConf.load(file))
    assert isinstance(settings, dict)
    return {name: settings.get(name) for name in ("colour", "marker")}
