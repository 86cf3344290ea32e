"""Theano under Keras 2.3. What else can be set are its flags: `backend.variables.THEANO_FLAGS`."""

import os
from typing import Any, Dict

SETTINGS = ("threads", "image_layout")
COMPILATION = {False: "C"}


def variables(settings: Dict[str, Any]) -> Dict[str, str]:
    """Return the environment variables: none but those that every worker gets; OpenMP's threads are Theano's, too."""
    return {}


def configure(settings: Dict[str, Any]) -> None:
    """Raise RuntimeError where Theano has no compiler: it would compute in Python, by other gradients of max pooling.

    There is nothing else to do: Theano reads OMP_NUM_THREADS when it is imported.
    """
    from theano import config

    if not config.cxx:
        raise RuntimeError("Theano finds no C++ compiler: put g++ on the PATH (Debian's package g++)")


def wait(model: Any) -> None:
    """Return at once: on the CPU, a compiled function returns when it has computed its outputs and updates."""


def in_force() -> Dict[str, Any]:
    """Return what Theano says of itself."""
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
