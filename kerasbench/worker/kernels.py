"""Computes a matrix product, a convolution and two steps of an LSTM in Keras, and compares them with NumPy's.

A build that does not suit the GPU or its driver may import, and even train, and compute something else. The layers are
compiled and run as training runs them, with the backend's fixes.
"""

from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import numpy as np
from keras.layers import LSTM, Conv2D, Dense, Input
from keras.models import Model

from kerasbench.worker import protocol, weights
from kerasbench.worker.model import prepare_backend
from kerasbench.worker.optimizers import KERAS

Array = Any  # a NumPy array

_EXAMPLES = 16
_WRONG = 1e9  # the deviation of what is no number, or has another shape: JSON has no infinity


class Kernel(NamedTuple):
    """A layer, the shapes of an example and of its weights, and what it computes of them, in NumPy."""

    name: str
    layer: Any
    input_shape: Tuple[int, ...]
    weight_shapes: List[Tuple[int, ...]]
    in_numpy: Callable[..., Array]


def prove(request: Dict[str, Any], channel: protocol.Channel) -> None:
    """Send each kernel's deviation from NumPy, relative to its largest value, and the device that computed it."""
    started_at = protocol.now()
    framework = prepare_backend(request)
    kernels = _kernels()
    model = _model(kernels)
    random = np.random.RandomState(1)
    inputs, expected = [], []
    for kernel in kernels:
        drawn = [_drawn(random, shape) for shape in [(_EXAMPLES, *kernel.input_shape), *kernel.weight_shapes]]
        weights.assign(kernel.layer, drawn[1:])
        inputs.append(drawn[0])
        expected.append(kernel.in_numpy(*[array.astype(np.float64) for array in drawn]))
    found = model.predict(inputs, batch_size=_EXAMPLES)
    deviations = {kernel.name: _deviation(one, other) for kernel, one, other in zip(kernels, found, expected)}
    device = framework.in_force(model)["device"]
    channel.send(protocol.KERNELS, deviations=deviations, device=device, seconds=protocol.now() - started_at)


def _kernels() -> List[Kernel]:
    # The weights are replaced. JAX and Theano compile for seconds to draw random ones.
    zeros = {"kernel_initializer": "zeros"}
    product = Dense(64, name="product", **zeros)
    convolution = Conv2D(8, (3, 3), data_format="channels_last", name="convolution", **zeros)
    lstm = LSTM(
        16,
        recurrent_activation="sigmoid",
        recurrent_initializer="zeros",
        unit_forget_bias=False,
        # Keras 2 unrolls it, because Theano compiles a loop for many seconds. Keras 3 does not: cuDNN's LSTM is a loop.
        unroll=KERAS < (3, 0),
        name="lstm",
        **zeros,
    )
    return [
        Kernel("matrix product", product, (96,), [(96, 64), (64,)], _product),
        Kernel("convolution", convolution, (10, 10, 4), [(3, 3, 4, 8), (8,)], _convolution),
        Kernel("LSTM", lstm, (2, 8), [(8, 64), (16, 64), (64,)], _lstm),
    ]


def _model(kernels: List[Kernel]) -> Any:
    """Return one model of all kernels, so that the framework compiles once."""
    tensors = [Input(shape=kernel.input_shape, name="{}_input".format(kernel.layer.name)) for kernel in kernels]
    model = Model(inputs=tensors, outputs=[kernel.layer(tensor) for kernel, tensor in zip(kernels, tensors)])
    model.compile(loss="mse", optimizer="sgd")  # keras-mxnet predicts, and sets weights, only in a compiled model
    return model


def _drawn(random: Any, shape: Tuple[int, ...]) -> Array:
    return random.uniform(-1, 1, shape).astype(np.float32)


def _product(x: Array, kernel: Array, bias: Array) -> Array:
    return x.dot(kernel) + bias


def _convolution(x: Array, kernel: Array, bias: Array) -> Array:
    height, width = kernel.shape[:2]
    rows, columns = x.shape[1] - height + 1, x.shape[2] - width + 1
    parts = [
        x[:, row : row + rows, column : column + columns].dot(kernel[row, column])
        for row in range(height)
        for column in range(width)
    ]
    return sum(parts) + bias


def _lstm(x: Array, kernel: Array, recurrent: Array, bias: Array) -> Array:
    """Return the last step's output; Keras' order of the gates is input, forget, candidate, output."""
    output = cell = np.zeros((len(x), recurrent.shape[0]))
    for step in range(x.shape[1]):
        gates = x[:, step].dot(kernel) + output.dot(recurrent) + bias
        entering, forgetting, candidate, leaving = np.split(gates, 4, axis=1)
        cell = _sigmoid(forgetting) * cell + _sigmoid(entering) * np.tanh(candidate)
        output = _sigmoid(leaving) * np.tanh(cell)
    return output


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def _deviation(found: Array, expected: Array) -> float:
    found = np.asarray(found)
    if found.shape != expected.shape or not np.isfinite(found).all():
        return _WRONG
    return float(np.abs(found - expected).max() / np.abs(expected).max())
