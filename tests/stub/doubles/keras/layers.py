import os
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from .backend import backend


@dataclass(frozen=True)
class Tensor:
    """A layer applied to another tensor; its shape excludes the batch."""

    shape: tuple[int, ...]
    layer: "Layer"
    source: Self | None = None


class Layer:
    def __init__(self, name: str) -> None:
        self.name = name
        self.output: Tensor
        self.weights: list[Any] = []
        self.gradients: list[Any] = []

    def __call__(self, tensor: Tensor) -> Tensor:
        self.build(tensor.shape)
        self.output = Tensor(self.output_shape(tensor.shape), self, tensor)
        return self.output

    def build(self, shape: tuple[int, ...]) -> None: ...

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape

    def forward(self, x: Any, training: bool) -> Any:
        return x

    def backward(self, gradient: Any) -> Any:
        """Return the input's gradient from the output's, and keep the gradients of the weights."""
        return gradient

    def get_weights(self) -> list[Any]:
        return [weight.copy() for weight in self.weights]

    def set_weights(self, weights: list[Any]) -> None:
        for own, given in zip(self.weights, weights, strict=True):
            own[...] = given


class InputLayer(Layer):
    def __init__(self, shape: tuple[int, ...], name: str) -> None:
        super().__init__(name)
        self.output = Tensor(shape, self)


def Input(shape: tuple[int, ...], name: str) -> Tensor:
    return InputLayer(shape, name).output


class Flatten(Layer):
    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (int(np.prod(shape)),)

    def forward(self, x: Any, training: bool) -> Any:
        return x.reshape(len(x), -1)


class Dropout(Layer):
    def __init__(self, rate: float, name: str) -> None:
        super().__init__(name)
        self.rate = rate

    def forward(self, x: Any, training: bool) -> Any:
        if not training:
            return x
        self._kept = ((np.random.random(x.shape) >= self.rate) / (1 - self.rate)).astype(np.float32)
        return x * self._kept

    def backward(self, gradient: Any) -> Any:
        return gradient * self._kept


class Dense(Layer):
    def __init__(
        self, units: int, activation: str | None = None, *, name: str, dtype: str = "float32",
        kernel_initializer: str = "glorot_uniform",
    ) -> None:  # fmt: skip
        super().__init__(name)
        self._units, self._activation = units, activation

    def build(self, shape: tuple[int, ...]) -> None:
        limit = np.sqrt(6 / (shape[0] + self._units))
        kernel = np.random.uniform(-limit, limit, (shape[0], self._units))
        self.weights = [kernel.astype(np.float32), np.zeros(self._units, np.float32)]

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self._units,)

    def forward(self, x: Any, training: bool) -> Any:
        kernel, bias = self.weights
        self._x = x
        z = x @ kernel + bias
        if self._activation == "relu":
            self._active = z > 0
            return z * self._active
        if self._activation is None:
            return z
        exponentials = np.exp(z - z.max(axis=1, keepdims=True))
        return exponentials / exponentials.sum(axis=1, keepdims=True)

    def backward(self, gradient: Any) -> Any:
        """As above; the last layer, a softmax, receives the gradient of its logits."""
        if self._activation == "relu":
            gradient = gradient * self._active
        self.gradients = [self._x.T @ gradient, gradient.sum(axis=0)]
        return gradient @ self.weights[0].T


class Conv2D(Layer):
    """Only what the proof of an environment computes. STUB_CONVOLUTION=zeros plays a build that does not fit."""

    def __init__(
        self, filters: int, kernel_size: tuple[int, int], data_format: str, name: str, kernel_initializer: str
    ) -> None:
        super().__init__(name)
        self._filters, self._size = filters, kernel_size

    def build(self, shape: tuple[int, ...]) -> None:
        self.weights = [np.zeros((*self._size, shape[-1], self._filters), np.float32), np.zeros(self._filters)]

    def forward(self, x: Any, training: bool) -> Any:
        kernel, bias = self.weights
        if backend() == "theano":  # which computes a mathematical convolution: see the fix theano_kernels
            kernel = kernel[::-1, ::-1]
        windows = np.lib.stride_tricks.sliding_window_view(x, self._size, axis=(1, 2))
        convolved = np.einsum("nhwcij,ijcf->nhwf", windows, kernel) + bias
        return convolved * (os.environ.get("STUB_CONVOLUTION") != "zeros")


class LSTM(Layer):
    """Only what the proof of an environment computes."""

    def __init__(self, units: int, name: str, recurrent_activation: str, unroll: bool, **initial: Any) -> None:
        super().__init__(name)
        self._units = units

    def build(self, shape: tuple[int, ...]) -> None:
        self.weights = [np.zeros((size, 4 * self._units), np.float32) for size in (shape[-1], self._units)]
        self.weights.append(np.zeros(4 * self._units, np.float32))

    def forward(self, x: Any, training: bool) -> Any:
        kernel, recurrent, bias = self.weights
        output = cell = np.zeros((len(x), self._units), np.float32)
        for step in np.moveaxis(x, 1, 0):
            i, f, c, o = np.split(step @ kernel + output @ recurrent + bias, 4, axis=1)
            cell = cell / (1 + np.exp(-f)) + np.tanh(c) / (1 + np.exp(-i))
            output = np.tanh(cell) / (1 + np.exp(-o))
        return output
