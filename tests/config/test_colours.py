"""A backend's colour and shape."""

from kerasbench.config.colours import colour, marker
from kerasbench.paths import CONF

BACKENDS = [path.stem for path in (CONF / "backend").glob("*.yaml")]


def test_no_two_backends_look_alike() -> None:
    for look in (colour, marker):
        assert len({look(name) for name in BACKENDS}) == len(BACKENDS)


def test_a_backend_that_names_no_look_has_one_of_its_own_all_the_same() -> None:
    assert colour("another") == colour("another")
    assert {colour("another"), marker("another")}.isdisjoint(
        {look(name) for name in BACKENDS for look in (colour, marker)}
    )
