"""Additions to installed environments, one module each: `apply(environment)` makes the addition."""
