"""TensorFlow 2 under Keras 3."""

from typing import Any, Dict, Optional, Tuple

import numpy as np

from kerasbench.worker.dataset import Split
from kerasbench.worker.example_order import Order

SETTINGS = (
    "devices", "threads", "jit_compile", "steps_per_execution", "matmul_precision", "precision", "image_layout",
    "onednn", "data_on_device",
)  # fmt: skip
COMPILATION = {False: "graph", True: "XLA"}  # graph: tf.function
_MOST_COPIED = 1 << 28  # bytes of mapped data that are copied into TensorFlow, whose own gather is faster than NumPy's


def variables(settings: Dict[str, Any]) -> Dict[str, str]:
    """Return the environment variables that TensorFlow reads when it is imported."""
    threads = {"TF_NUM_INTRAOP_THREADS": str(settings["threads"])}
    return threads if settings["onednn"] is None else dict(threads, TF_ENABLE_ONEDNN_OPTS=str(int(settings["onednn"])))


def configure(settings: Dict[str, Any]) -> None:
    """Set the threads within and between operators, whether float32 products may use TF32, and the devices.

    Raises:
        RuntimeError: there are fewer devices.
    """
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(settings["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(settings["threads"])
    if settings["matmul_precision"] is not None:
        tf.config.experimental.enable_tensor_float_32_execution(settings["matmul_precision"] != "highest")
    if settings["devices"] is not None:
        _distribute(settings["devices"])


def _distribute(count: int) -> None:
    """Let TensorFlow mirror variables on so many devices, and split every batch among them (data parallelism)."""
    import tensorflow as tf

    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    if kind == "CPU":  # simulates them
        (cpu,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    if len(devices) < count:
        raise RuntimeError("settings.devices={}: TensorFlow sees {}".format(count, ", ".join(devices)))
    tf.distribute.experimental_set_strategy(tf.distribute.MirroredStrategy(devices[:count]))


def examples(split: Split, order: Order, batch_size: int) -> Any:
    """Return the batches of an epoch in the current order, by the pipeline that Keras 3 uses to shuffle arrays.

    Keras would copy an array into TensorFlow before it reads a batch, and would miss every change of the order.
    Source: `get_tf_dataset` in keras/src/trainers/data_adapters/array_data_adapter.py, Keras 3.15.1.
    """
    import tensorflow as tf

    places = _places(len(split), order, batch_size)
    if split.mapped and sum(array.nbytes for array in split.inputs) > _MOST_COPIED:
        batches = places.map(_gathered_in_numpy(split))
    else:
        tensors = tuple(tf.convert_to_tensor(array) for array in split.arrays)
        batches = tf.data.Dataset.zip((places, tf.data.Dataset.from_tensors(tensors).repeat())).map(
            lambda at, data: tuple(tf.gather(tensor, at, axis=0) for tensor in data),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
    return _counted(batches.map(lambda *tensors: split.batch(list(tensors))), -(-len(split) // batch_size))


def _places(count: int, order: Order, batch_size: int) -> Any:
    """Return the positions of the examples of each batch of an epoch, in the current order."""
    import tensorflow as tf

    def batched(permutation: Any) -> Any:
        whole = count // batch_size * batch_size
        batches = tf.data.Dataset.from_tensor_slices(tf.reshape(permutation[:whole], [-1, batch_size]))
        rest = tf.data.Dataset.from_tensors(permutation[whole:])
        return batches if whole == count else batches.concatenate(rest)

    def current(_: Any) -> Any:
        return tf.ensure_shape(tf.numpy_function(lambda: order.current, [], tf.int64), [count])

    return tf.data.Dataset.range(1).map(current).prefetch(1).flat_map(batched)


def _counted(batches: Any, count: int) -> Any:
    """Return the batches, prepared ahead, with their number."""
    import tensorflow as tf

    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    counted = batches.apply(tf.data.experimental.assert_cardinality(count))
    return counted.with_options(options).prefetch(tf.data.AUTOTUNE)


def on_device(model: Any, split: Split, order: Order, batch_size: int) -> Dict[str, Any]:
    """Return batches of positions, and make the model's training step gather the examples there.

    tf.data computes on the CPU, so a data set of tensors would copy each batch to the GPU.
    """
    import tensorflow as tf

    with tf.device("GPU:0" if tf.config.list_logical_devices("GPU") else "CPU:0"):
        tensors = [tf.convert_to_tensor(np.asarray(array)) for array in split.arrays]
    step = model.train_step

    def gathering(places: Any) -> Any:
        return step(split.batch([tf.gather(tensor, places, axis=0) for tensor in tensors]))

    model.train_step = gathering
    places = _counted(_places(len(split), order, batch_size), -(-len(split) // batch_size))
    return {"x": places, "shuffle": False}


def _gathered_in_numpy(split: Split) -> Any:
    """Return a function from positions to the arrays' examples there, which copies only these from the mapped files."""
    import tensorflow as tf

    dtypes = [tf.as_dtype(array.dtype) for array in split.arrays]

    def gathered(at: Any) -> Any:
        rows = tf.numpy_function(lambda rows: [np.ascontiguousarray(one[rows]) for one in split.arrays], [at], dtypes)
        return tuple(tf.ensure_shape(row, [None, *array.shape[1:]]) for row, array in zip(rows, split.arrays))

    return gathered


def wait(model: Any) -> None:
    """Wait for every device's stream."""
    import tensorflow as tf

    tf.test.experimental.sync_devices()


def memory() -> Optional[Tuple[int, int]]:
    """Return the bytes of all tensors on the fullest GPU now, and at most since the last call."""
    import tensorflow as tf

    names = ["GPU:{}".format(place) for place, _ in enumerate(tf.config.list_logical_devices("GPU"))]
    if not names:
        return None
    found = [tf.config.experimental.get_memory_info(name) for name in names]
    for name in names:
        tf.config.experimental.reset_memory_stats(name)
    return max(one["current"] for one in found), max(one["peak"] for one in found)


def in_force() -> Dict[str, Any]:
    """Return what TensorFlow reports about itself."""
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
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if replicas > 1:
        found["devices"] = replicas
    if build.get("is_cuda_build"):
        found.update(cuda=build.get("cuda_version"), cudnn=build.get("cudnn_version"))
    return found
