"""Keras 2: RMSprop divides by sqrt(v) + epsilon; Keras 3 and MXNet's own RMSprop divide by sqrt(v + epsilon).

With the usual epsilon of 1e-7 the two algorithms differ for every weight whose gradients are below 3e-4: the
perceptron's losses differ by 7e-3 after eight steps from the same weights. The fix moves the project's epsilon (see
optimizers.py) to where Keras 3 has it, because the other backends' optimizers are fused and best left unchanged.
"""

from typing import Any, List

from keras import backend as K
from keras import optimizers


def apply() -> None:
    """Replace RMSprop's update rule."""
    optimizers.RMSprop.get_updates = _get_updates


def _get_updates(self: Any, loss: Any, params: List[Any]) -> List[Any]:
    """Return the updates as in Keras 2.3.1, but with epsilon under the root; the number of operations is the same."""
    gradients = self.get_gradients(loss, params)
    averages = [K.zeros(K.int_shape(param), dtype=K.dtype(param)) for param in params]
    self.weights = [self.iterations, *averages]
    self.updates = [K.update_add(self.iterations, 1)]
    rate = self.learning_rate
    if self.initial_decay > 0:
        rate = rate * (1.0 / (1.0 + self.decay * K.cast(self.iterations, K.dtype(self.decay))))
    for param, gradient, average in zip(params, gradients, averages):
        new_average = self.rho * average + (1.0 - self.rho) * K.square(gradient)
        self.updates.append(K.update(average, new_average))
        self.updates.append(K.update(param, param - rate * gradient / K.sqrt(new_average + self.epsilon)))
    updates: List[Any] = self.updates
    return updates
