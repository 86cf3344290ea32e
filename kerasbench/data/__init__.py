"""Data sets: real data if available, embedded stand-ins otherwise; one prepared file serves all backends."""

from kerasbench.data.prepared import PreparedData, prepare

__all__ = ["PreparedData", "prepare"]
