"""A user's own data: read, checked, and prepared as a folder of arrays for all backends."""

from kerasbench.data.own.cache import prepare

__all__ = ["prepare"]
