"""Theano under Keras 2.3. Set its other options by its flags: `backend.variables.THEANO_FLAGS`."""

import os
from typing import Any, Dict

SETTINGS = ("threads", "image_layout")
COMPILATION = {False: "C"}


def variables(settings: Dict[str, Any]) -> Dict[str, str]:
    """Return no variables: every worker gets OMP_NUM_THREADS, and Theano uses OpenMP's threads."""
    return {}


def configure(settings: Dict[str, Any]) -> None:
    """Check for a C++ compiler; there is nothing to set, because Theano reads OMP_NUM_THREADS when it is imported.

    Raises:
        RuntimeError: there is none; Theano would compute in Python, with different gradients of max pooling.
    """
    from theano import config

    if not config.cxx:
        raise RuntimeError("Theano finds no C++ compiler: put g++ on the PATH (Debian's package g++)")


def wait(model: Any) -> None:
    """Return at once: on the CPU, a compiled function returns when it has computed its outputs and updates."""


def in_force() -> Dict[str, Any]:
    """Return what Theano reports about itself."""
    from theano import config

    return {
        "threads": os.environ["OMP_NUM_THREADS"],
        "openmp": config.openmp,
        "blas": config.blas.ldflags or "NumPy's",
        "cxxflags": config.gcc.cxxflags,
        "optimizer": config.optimizer,
        "allow_gc": config.allow_gc,
        "linker": config.linker,
        "floatX": config.floatX,
        "device": config.device,
    }
