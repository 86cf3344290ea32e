"""Data sets: the real ones where they can be had, embedded stand-ins otherwise; one prepared file for all backends."""

from kerasbench.data.prepared import PreparedData, prepare

__all__ = ["PreparedData", "prepare"]
