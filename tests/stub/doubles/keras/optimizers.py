from typing import Any

import numpy as np


class Optimizer:
    """Changes variables in place, by gradients."""

    def __init__(self, learning_rate: float, decay: float = 0.0) -> None:
        assert not decay, "the double knows no decay"
        self.learning_rate = np.float32(learning_rate)

    def apply(self, grads: list[Any], trainable_variables: list[Any]) -> None:
        raise NotImplementedError


class SGD(Optimizer):
    def __init__(self, learning_rate: float, momentum: float = 0.0, decay: float = 0.0) -> None:
        assert not momentum, "the double knows no momentum"
        super().__init__(learning_rate, decay)

    def apply(self, grads: list[Any], trainable_variables: list[Any]) -> None:
        for variable, gradient in zip(trainable_variables, grads, strict=True):
            variable -= self.learning_rate * gradient


class RMSprop(Optimizer):
    """Divides by sqrt(average of squares + epsilon), as Keras 3 does."""

    def __init__(self, learning_rate: float, rho: float, epsilon: float, decay: float = 0.0) -> None:
        super().__init__(learning_rate, decay)
        self._rho, self._epsilon = np.float32(rho), np.float32(epsilon)
        self._averages: list[Any] = []

    def apply(self, grads: list[Any], trainable_variables: list[Any]) -> None:
        self._averages = self._averages or [np.zeros_like(variable) for variable in trainable_variables]
        for variable, gradient, average in zip(trainable_variables, grads, self._averages, strict=True):
            average *= self._rho
            average += (1 - self._rho) * gradient**2
            variable -= self.learning_rate * gradient / np.sqrt(average + self._epsilon)
