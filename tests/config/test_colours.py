"""A backend's colour and marker, and the shades of its variants."""

import colorsys
from itertools import combinations

import pytest

from kerasbench.config.colours import colour, marker
from kerasbench.paths import CONF

BACKENDS = [path.stem for path in (CONF / "backend").glob("*.yaml")]


def _rgb(text: str) -> tuple[float, float, float]:
    red, green, blue = (int(text[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return red, green, blue


def test_no_two_backends_look_alike() -> None:
    for look in (colour, marker):
        assert len({look(name) for name in BACKENDS}) == len(BACKENDS)


def test_a_backend_without_a_look_of_its_own_gets_one_that_no_other_has() -> None:
    assert {colour("another"), marker("another")}.isdisjoint(
        {look(name) for name in BACKENDS for look in (colour, marker)}
    )


@pytest.mark.parametrize("backend", [*BACKENDS, "another"])
@pytest.mark.parametrize(
    "variants",
    [
        ("label=a", "label=b", "label=c"),
        ("settings.threads=1", "settings.threads=2", "settings.threads=4", "settings.threads=8"),
        ("settings.jit_compile=true", "settings.jit_compile=false"),
        ("settings.precision=float32", "settings.precision=mixed_bfloat16"),
    ],
    ids=lambda variants: variants[0],
)
def test_variants_have_shades_of_their_backends_colour_that_can_be_told_apart(
    backend: str, variants: tuple[str, ...]
) -> None:
    plain = _rgb(colour(backend))
    shades = [_rgb(colour(backend, variant)) for variant in variants]
    for one, other in combinations(shades, 2):
        assert max(abs(a - b) for a, b in zip(one, other, strict=True)) > 0.06
    hue, _, saturation = colorsys.rgb_to_hls(*plain)
    if saturation:
        for shade in shades:
            assert colorsys.rgb_to_hls(*shade)[0] == pytest.approx(hue, abs=0.01)
