"""One environment per backend and set of packages; it is ready when the backend has been imported in it."""

from kerasbench.environments.provisioning import Environment, check, provision, provision_all, ready, remove
from kerasbench.environments.specification import Specification

__all__ = ["Environment", "Specification", "check", "provision", "provision_all", "ready", "remove"]
