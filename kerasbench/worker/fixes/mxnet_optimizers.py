"""keras-mxnet 2.2.4.3: Adadelta ignores its learning rate, and `decay` is one update ahead.

MXNet's AdaDelta accepts a learning rate and never uses it; Keras multiplies the step by it. In Keras, every optimizer's
rate at update n, counted from 0, is learning_rate / (1 + decay * n); MXNet counts from 1. Found by reading both
sources, and confirmed by the parity check of the perceptron with `parity.optimizer=own` and Adadelta with a learning
rate of 0.1 and a decay of 0.5: its losses differ from the second step on.
"""

from typing import Any

from keras import optimizers


def apply() -> None:
    """Make Adadelta use its learning rate, and every optimizer the rate of the current update."""
    adadelta = optimizers.Adadelta
    (wrapper,) = (parent for parent in adadelta.__mro__ if parent.__name__ == "MXOptimizer")
    wrapper._get_lr = _rate
    whole_step = adadelta.update

    def update(self: Any, index: Any, weight: Any, gradient: Any, state: Any) -> None:
        before = None if _is_constantly_one(self) else weight.copy()
        whole_step(self, index, weight, gradient, state)
        if before is not None:
            weight[:] = before + (weight - before) * self._get_lr(index)

    adadelta.update = update


def _rate(self: Any, _: Any) -> Any:
    """Return the learning rate of the current update, which MXNet has already counted."""
    return self.lr.tensor.asscalar() / (1.0 + self.decay.tensor.asscalar() * (self.num_update - 1))


def _is_constantly_one(optimizer: Any) -> bool:
    return bool(optimizer.lr.tensor.asscalar() == 1 and optimizer.decay.tensor.asscalar() == 0)
