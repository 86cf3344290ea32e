"""Follows uv's messages while it downloads packages, and tells how far it is."""

import re
from collections.abc import Callable

_STARTED = re.compile(r"\s*Downloading (\S+) \(([\d.]+)\s*([KMGT]?i?B)\)")
_ENDED = re.compile(r"\s*Downloaded (\S+)")
_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}


class Download:
    """The download of one environment's packages; uv names those of more than a mebibyte.

    Attributes:
        sizes: bytes of each package that is or was downloaded.
        done: bytes of those that have arrived.
    """

    def __init__(self, announce: Callable[[str], None]) -> None:
        """Show the progress by `announce`."""
        self.sizes: dict[str, float] = {}
        self.done = 0.0
        self._announce = announce

    def read(self, line: str) -> None:
        """Read one line of uv's messages."""
        if started := _STARTED.match(line):
            name, number, unit = started.groups()
            self.sizes[name] = float(number) * _UNITS.get(unit, 0)
        elif (ended := _ENDED.match(line)) and ended[1] in self.sizes:
            self.done += self.sizes[ended[1]]
            self._announce(f"downloaded {ended[1]}: {self.done / 1e6:,.0f} of {sum(self.sizes.values()) / 1e6:,.0f} MB")
