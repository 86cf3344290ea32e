"""TensorFlow 1.15 under Keras 2.3, in graph mode."""

from typing import Any, Dict

SETTINGS = ("threads", "image_layout", "jit_compile")
COMPILATION = {False: "graph", True: "XLA"}


def variables(settings: Dict[str, Any]) -> Dict[str, str]:
    """Return the environment variables; without TF_XLA_FLAGS, XLA does not compile for the CPU."""
    threads = {"TF_NUM_INTRAOP_THREADS": str(settings["threads"])}
    return dict(threads, TF_XLA_FLAGS="--tf_xla_cpu_global_jit") if settings["jit_compile"] else threads


def configure(settings: Dict[str, Any]) -> None:
    """Give Keras a session with this many threads, and with XLA if requested."""
    import tensorflow as tf
    from keras import backend

    config = tf.ConfigProto(
        intra_op_parallelism_threads=settings["threads"], inter_op_parallelism_threads=settings["threads"]
    )
    if settings["jit_compile"] is not None:
        level = tf.OptimizerOptions.ON_1 if settings["jit_compile"] else tf.OptimizerOptions.OFF
        config.graph_options.optimizer_options.global_jit_level = level
    backend.set_session(tf.Session(config=config))


def wait(model: Any) -> None:
    """Return at once: a session's run returns only when its values are computed, the updates included."""


def in_force() -> Dict[str, Any]:
    """Return what the session reports about itself."""
    import tensorflow as tf
    from keras import backend

    config = backend.get_session()._config
    devices = [device for device in backend.get_session().list_devices() if device.device_type == "GPU"]
    return {
        "threads": config.intra_op_parallelism_threads,
        "threads_between_operators": config.inter_op_parallelism_threads,
        "jit_compile": config.graph_options.optimizer_options.global_jit_level > 0,
        "onednn": tf.pywrap_tensorflow.IsMklEnabled(),
        "device": ", ".join(device.name for device in devices) or "cpu",
    }
