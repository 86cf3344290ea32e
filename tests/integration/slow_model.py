"""A network that takes a known time for each batch, on eager and asynchronous frameworks; it checks the clock."""

import importlib
import time
from typing import Any

import keras
import numpy as np
from keras.layers import Dense, Flatten, Input, Layer
from keras.models import Model

_CALIBRATION_CYCLES = 10**9
_LONGER = 1.05  # a GPU's clock may rise after the calibration


def build(
    input_shapes: list[tuple[int, ...]],
    classes: int,
    units: int,
    dropout: float,
    seconds: float = 0.0,
    behind_seconds: float = 0.0,
) -> Any:
    """Return a linear model.

    Args:
        input_shapes, classes, units, dropout: as for every MNIST model; units and dropout have no effect.
        seconds: additional time of each forward pass.
        behind_seconds: how long the device still works after an epoch's metrics are known.
    """
    if behind_seconds:
        framework = importlib.import_module(f"kerasbench.worker.frameworks.{keras.backend.backend()}")
        framework.wait = lambda model: time.sleep(behind_seconds)  # type: ignore[attr-defined]
    image = Input(shape=input_shapes[0], name="image")
    x = Sleep(seconds, name="sleep")(Flatten(name="flatten")(image))
    return Model(inputs=image, outputs=Dense(classes, activation="softmax", name="probabilities")(x))


class Sleep(Layer):
    """Returns its inputs with a delay: the computation sleeps, not the code that describes or dispatches it."""

    def __init__(self, seconds: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seconds = seconds
        self._cycles_per_second: Any = None

    def call(self, inputs: Any) -> Any:
        """Return the inputs plus a zero that takes time to compute."""
        return inputs + {"jax": self._jax, "tensorflow": self._tensorflow, "torch": self._torch}[
            keras.backend.backend()
        ](inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the inputs."""
        return input_shape

    def _zero(self, _: Any) -> Any:
        time.sleep(self.seconds)
        return np.float32(0)

    def _jax(self, inputs: Any) -> Any:
        import jax

        total = jax.lax.stop_gradient(inputs.sum())  # an argument, so that XLA calls it for every batch
        return jax.pure_callback(self._zero, jax.ShapeDtypeStruct((), np.float32), total)

    def _tensorflow(self, inputs: Any) -> Any:
        import tensorflow as tf

        zero = tf.numpy_function(self._zero, [tf.reduce_sum(tf.stop_gradient(inputs))], tf.float32)
        return tf.ensure_shape(zero, ())

    def _torch(self, inputs: Any) -> Any:
        if inputs.device.type == "meta":
            return 0.0  # Keras only infers the shape
        if inputs.device.type == "cuda":
            self._spin()
            return 0.0
        return float(self._zero(inputs))

    def _spin(self) -> None:
        """Dispatch a kernel that runs for that time on the GPU, and return at once."""
        import torch

        if self._cycles_per_second is None:
            began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            for _ in range(2):  # the first one wakes the GPU
                began.record()
                torch.cuda._sleep(_CALIBRATION_CYCLES)
                ended.record()
                ended.synchronize()
            self._cycles_per_second = 1000 * _CALIBRATION_CYCLES / began.elapsed_time(ended)
        torch.cuda._sleep(round(_LONGER * self.seconds * self._cycles_per_second))
