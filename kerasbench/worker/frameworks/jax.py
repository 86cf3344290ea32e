"""JAX under Keras 3. XLA's thread pool has NPROC threads, by default one for each core of the machine."""

import glob
from typing import Any, Dict, List

SETTINGS = (
    "devices", "threads", "jit_compile", "steps_per_execution", "matmul_precision", "precision", "image_layout",
)  # fmt: skip
COMPILATION = {False: "eager", True: "XLA"}


def variables(settings: Dict[str, Any]) -> Dict[str, str]:
    """Return the environment variables that XLA reads when it creates its CPU client."""
    return {"NPROC": str(settings["threads"])}


def configure(settings: Dict[str, Any]) -> None:
    """Set the precision of float32 products on devices that offer several, and share batches among devices.

    Raises:
        RuntimeError: there are fewer devices.
    """
    import jax

    if settings["devices"] is not None:
        _distribute(settings["devices"])
    if settings["matmul_precision"] is not None:
        names = {"medium": "bfloat16"}  # PyTorch's name: JAX's name
        chosen = settings["matmul_precision"]
        jax.config.update("jax_default_matmul_precision", names.get(chosen, chosen))


def _distribute(count: int) -> None:
    """Let Keras replicate variables on so many devices, and split every batch among them (data parallelism)."""
    import jax
    import keras

    jax.config.update("jax_num_cpu_devices", count)  # simulates them where the CPU is what JAX computes on
    devices = keras.distribution.list_devices()
    if len(devices) < count:
        raise RuntimeError("settings.devices={}: JAX sees {}".format(count, ", ".join(devices)))
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices[:count]))


def wait(model: Any) -> None:
    """Wait for every variable: JAX returns before the device has computed them."""
    import jax

    jax.block_until_ready([variable.value for variable in model.variables])


def _names_of_threads() -> List[str]:
    """Return the names of this process's threads, without threads that end meanwhile."""
    names = []
    for path in glob.glob("/proc/self/task/*/comm"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                names.append(file.read().strip())
        except OSError:
            continue
    return names


def in_force() -> Dict[str, Any]:
    """Return what JAX reports about itself. It does not report its threads: they are counted by name."""
    import jax
    import keras

    devices = jax.devices()
    distribution = keras.distribution.distribution()
    shared = {} if distribution is None else {"devices": distribution.device_mesh.devices.size}
    return {
        **shared,
        "threads": _names_of_threads().count("tf_XLAEigen"),
        "matmul_precision": jax.config.jax_default_matmul_precision or "default",
        "device": "cpu" if devices[0].platform == "cpu" else ", ".join(device.device_kind for device in devices),
        "platform_version": " ".join(devices[0].client.platform_version.split()),
    }
