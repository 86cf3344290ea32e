from typing import Any

import numpy as np

from .backend import backend


class Optimizer:
    """Updates variables in place from their gradients."""

    def __init__(self, decay: float = 0.0, **rate: float) -> None:
        assert not decay, "the double knows no decay"
        self.learning_rate = np.float32(rate["lr" if backend() == "mxnet" else "learning_rate"])  # lr: Keras 2.2

    def apply(self, grads: list[Any], trainable_variables: list[Any]) -> None:
        raise NotImplementedError


class SGD(Optimizer):
    def __init__(self, momentum: float = 0.0, decay: float = 0.0, **rate: float) -> None:
        assert not momentum, "the double knows no momentum"
        super().__init__(decay, **rate)

    def apply(self, grads: list[Any], trainable_variables: list[Any]) -> None:
        for variable, gradient in zip(trainable_variables, grads, strict=True):
            variable -= self.learning_rate * gradient


class RMSprop(Optimizer):
    """Divides by sqrt(average of squares + epsilon), as Keras 3 does."""

    def __init__(self, rho: float, epsilon: float, decay: float = 0.0, **rate: float) -> None:
        super().__init__(decay, **rate)
        self._rho, self._epsilon = np.float32(rho), np.float32(epsilon)
        self._averages: list[Any] = []

    def apply(self, grads: list[Any], trainable_variables: list[Any]) -> None:
        self._averages = self._averages or [np.zeros_like(variable) for variable in trainable_variables]
        for variable, gradient, average in zip(trainable_variables, grads, self._averages, strict=True):
            average *= self._rho
            average += (1 - self._rho) * gradient**2
            variable -= self.learning_rate * gradient / np.sqrt(average + self._epsilon)
