"""Keras 3 walks through structures with these modules."""
