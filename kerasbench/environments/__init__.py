"""One virtual environment per backend, made once, proven before it is called ready."""

from kerasbench.environments.provisioning import Environment, provision, ready, remove

__all__ = ["Environment", "provision", "ready", "remove"]
