"""Fixes for defects in released Keras backends that change what they compute: one module for each defect.

A backend's YAML lists the fixes it needs; `apply()` is called after Keras is imported and before a model is built. Each
module names the defect, the releases that have it, and its symptom.
"""
