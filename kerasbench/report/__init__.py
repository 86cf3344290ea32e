"""The comparison: what a store says about the backends, as tables and as one page.

`collect` reads it, `tables` are for the terminal, `write` makes the page. Only `write` needs matplotlib and Jinja2.
"""

import logging

from kerasbench.report.grouping import collect
from kerasbench.report.publishing import drawers, log, write
from kerasbench.report.terminal import tables
from kerasbench.report.verdicts import sentence

__all__ = ["collect", "drawers", "log", "sentence", "tables", "write"]

# No plot uses the user's matplotlibrc, and a font cache that cannot be written only takes time: no warning helps.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
