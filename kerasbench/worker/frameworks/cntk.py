"""Microsoft's Cognitive Toolkit under Keras 2.3."""

from typing import Any, Dict

SETTINGS = ("threads", "image_layout")
COMPILATION = {False: "graph"}


def variables(settings: Dict[str, Any]) -> Dict[str, str]:
    """Return the environment variables: none."""
    return {}


def configure(settings: Dict[str, Any]) -> None:
    """Set the number of threads."""
    from cntk import cntk_py

    cntk_py.set_max_num_cputhreads(settings["threads"])


def wait(model: Any) -> None:
    """Return at once: a minibatch's training returns when its loss is there, on the device that updates the weights."""


def in_force() -> Dict[str, Any]:
    """Return what CNTK reports about itself."""
    import cntk

    device = cntk.device.use_default_device()
    kind = cntk.device.DeviceKind(device.type())
    return {
        "threads": cntk.cntk_py.get_max_num_cputhreads(),
        "device": "cpu" if kind == cntk.device.DeviceKind.CPU else cntk.device.get_gpu_properties(device).name,
    }
