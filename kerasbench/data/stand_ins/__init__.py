"""Synthetic or small data sets that stand in for real ones which cannot be had; the output says so."""
