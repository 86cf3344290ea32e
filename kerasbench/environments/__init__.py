"""One environment per backend and set of packages; it is ready when its kernels compute what NumPy computes."""

from kerasbench.environments.provisioning import (
    Environment,
    check,
    doubt,
    installed,
    provision,
    provision_all,
    ready,
    remove,
)
from kerasbench.environments.specification import Specification

__all__ = [
    "Environment",
    "Specification",
    "check",
    "doubt",
    "installed",
    "provision",
    "provision_all",
    "ready",
    "remove",
]
