"""JAX under Keras 3. XLA's own thread pool is as large as NPROC says, else as the machine has cores."""

import glob
from typing import Any, Dict, List

SETTINGS = ("threads", "jit_compile", "steps_per_execution", "matmul_precision", "precision", "image_layout")
COMPILATION = {False: "eager", True: "XLA"}


def variables(settings: Dict[str, Any]) -> Dict[str, str]:
    """Return the environment variables that XLA reads when its CPU client is made."""
    return {"NPROC": str(settings["threads"])}


def configure(settings: Dict[str, Any]) -> None:
    """Set the precision of float32 products on devices that have several."""
    import jax

    if settings["matmul_precision"] is not None:
        names = {"medium": "bfloat16"}  # PyTorch's word, JAX's word
        chosen = settings["matmul_precision"]
        jax.config.update("jax_default_matmul_precision", names.get(chosen, chosen))


def wait(model: Any) -> None:
    """Wait for every variable: JAX returns before the device has computed them."""
    import jax

    jax.block_until_ready([variable.value for variable in model.variables])


def _names_of_threads() -> List[str]:
    """Return the names of this process's threads; one that ends meanwhile has none."""
    names = []
    for path in glob.glob("/proc/self/task/*/comm"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                names.append(file.read().strip())
        except OSError:
            continue
    return names


def in_force() -> Dict[str, Any]:
    """Return what JAX says of itself; of its threads it says nothing, but they carry a name."""
    import jax

    devices = jax.devices()
    return {
        "threads": _names_of_threads().count("tf_XLAEigen"),
        "matmul_precision": jax.config.jax_default_matmul_precision or "default",
        "device": "cpu" if devices[0].platform == "cpu" else ", ".join(device.device_kind for device in devices),
        "platform_version": " ".join(devices[0].client.platform_version.split()),
    }
