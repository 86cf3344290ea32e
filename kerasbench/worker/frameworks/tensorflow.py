"""TensorFlow 2 under Keras 3."""

from typing import Any, Dict

SETTINGS = (
    "threads", "jit_compile", "steps_per_execution", "matmul_precision", "precision", "image_layout", "onednn",
)  # fmt: skip


def variables(settings: Dict[str, Any]) -> Dict[str, str]:
    """Return the environment variables that TensorFlow reads when it is imported."""
    threads = {"TF_NUM_INTRAOP_THREADS": str(settings["threads"])}
    return threads if settings["onednn"] is None else dict(threads, TF_ENABLE_ONEDNN_OPTS=str(int(settings["onednn"])))


def configure(settings: Dict[str, Any]) -> None:
    """Set threads, within and between operators, and whether float32 products may be taken in TF32."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(settings["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(settings["threads"])
    if settings["matmul_precision"] is not None:
        tf.config.experimental.enable_tensor_float_32_execution(settings["matmul_precision"] != "highest")


def wait(model: Any) -> None:
    """Wait for every device's stream."""
    import tensorflow as tf

    tf.test.experimental.sync_devices()


def in_force() -> Dict[str, Any]:
    """Return what TensorFlow says of itself."""
    import tensorflow as tf
    from tensorflow.python.util import _pywrap_util_port

    build = tf.sysconfig.get_build_info()
    gpus = tf.config.list_physical_devices("GPU")
    found = {
        "threads": tf.config.threading.get_intra_op_parallelism_threads(),
        "threads_between_operators": tf.config.threading.get_inter_op_parallelism_threads(),
        "tf32": tf.config.experimental.tensor_float_32_execution_enabled(),
        "onednn": _pywrap_util_port.IsMklEnabled(),
        "device": ", ".join(tf.config.experimental.get_device_details(gpu)["device_name"] for gpu in gpus) or "cpu",
    }
    if build.get("is_cuda_build"):
        found.update(cuda=build.get("cuda_version"), cudnn=build.get("cudnn_version"))
    return found
