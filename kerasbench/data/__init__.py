"""Data sets: real data if available, embedded stand-ins otherwise; one prepared file serves all backends."""

from kerasbench.data.arrays import PreparedData
from kerasbench.data.prepared import prepare

__all__ = ["PreparedData", "prepare"]
