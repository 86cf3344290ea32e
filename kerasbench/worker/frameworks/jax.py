"""JAX under Keras 3. XLA's thread pool has NPROC threads, by default one for each core of the machine."""

import glob
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

if TYPE_CHECKING:  # the driver, which reads SETTINGS, must not wait for NumPy
    from kerasbench.worker.dataset import Split
    from kerasbench.worker.example_order import Order

SETTINGS = (
    "devices", "threads", "jit_compile", "steps_per_execution", "matmul_precision", "precision", "image_layout",
    "data_on_device",
)  # fmt: skip
COMPILATION = {False: "eager", True: "XLA"}
_WITHOUT_TF32 = ("highest", "float32")  # JAX's names of the precision that computes products in single precision


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


def memory() -> Optional[Tuple[int, int]]:
    """Return the bytes of all arrays on the fullest GPU now, and at most since the start: JAX cannot reset its peak."""
    import jax

    found = [told for told in (device.memory_stats() for device in jax.local_devices()) if told]
    if not found:
        return None
    return max(one["bytes_in_use"] for one in found), max(one["peak_bytes_in_use"] for one in found)


def on_device(model: Any, split: "Split", order: "Order", batch_size: int) -> Dict[str, Any]:
    """Return batches that are gathered on the device that JAX computes on."""
    import jax
    import keras
    import numpy as np

    arrays = [jax.device_put(np.asarray(array)) for array in split.arrays]
    gather = jax.jit(lambda arrays, rows: [array[rows] for array in arrays])

    class Batches(keras.utils.PyDataset):
        def __getitem__(self, place: int) -> Any:
            return split.batch(gather(arrays, order.current[place * batch_size : (place + 1) * batch_size]))

        def __len__(self) -> int:
            return -(-len(split) // batch_size)

    return {"x": Batches(), "shuffle": False}


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
    precision = jax.config.jax_default_matmul_precision
    found = {
        **shared,
        "threads": _names_of_threads().count("tf_XLAEigen"),
        "matmul_precision": precision or "default",
        "device": "cpu" if devices[0].platform == "cpu" else ", ".join(device.device_kind for device in devices),
        "platform_version": " ".join(devices[0].client.platform_version.split()),
    }
    if devices[0].platform != "cpu":
        found.update(tf32=precision not in _WITHOUT_TF32, cudnn=_cudnn())
    return found


def _cudnn() -> Optional[int]:
    """Return the version of cuDNN; None if this build of JAX has none."""
    from jax._src.lib import cuda_versions

    return cuda_versions.cudnn_get_version() if cuda_versions else None
