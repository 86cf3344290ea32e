"""One virtual environment per backend, made once; it is ready when the backend has been imported in it."""

from kerasbench.environments.provisioning import Environment, check, provision, provision_all, ready, remove

__all__ = ["Environment", "check", "provision", "provision_all", "ready", "remove"]
