"""Defects of released Keras backends that make them compute something else, put right: one module each.

A backend's YAML names those it needs; `apply()` is called after Keras is imported and before a model is built. Each
module says what is wrong in which release, and how it shows.
"""
