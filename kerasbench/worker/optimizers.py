"""Builds the same optimizer on Keras 2.2, 2.3 and 3: the same formula, and nothing left to a default that differs."""

from typing import Any, Dict, List

import keras
from keras import backend as K

KERAS = tuple(int(part) for part in keras.__version__.split(".")[:2])


def build(spec: Dict[str, Any]) -> Any:
    """Return the optimizer that a request's `optimizer` describes.

    `decay` is Keras 2's: the learning rate at update n (from 0) is learning_rate / (1 + decay * n).
    RMSprop divides by sqrt(v + epsilon^2). Keras 2 divides by sqrt(v) + epsilon and Keras 3 (and MXNet's own) by
    sqrt(v + epsilon): two algorithms, with epsilon 1e-7, for every weight whose gradients are below 3e-4. The root of
    the sum has Keras 2's floor, from whose formula it differs only where sqrt(v) is no larger than epsilon, and
    Keras 3 needs no code of its own for it.
    """
    settings = {key: value for key, value in spec.items() if value is not None}
    name = settings.pop("class_name")
    optimizer_class = getattr(keras.optimizers, name)
    if name == "RMSprop":
        settings["epsilon"] = settings["epsilon"] ** 2
        if KERAS < (3, 0) and K.backend() != "mxnet":
            optimizer_class = _rmsprop_with_epsilon_in_the_root(optimizer_class)
    if KERAS < (2, 3):
        settings["lr"] = settings.pop("learning_rate")
    if KERAS >= (3, 0):
        decay = settings.pop("decay")
        if decay:
            schedule = keras.optimizers.schedules.InverseTimeDecay
            settings["learning_rate"] = schedule(settings["learning_rate"], decay_steps=1, decay_rate=decay)
    return optimizer_class(**settings)


def _rmsprop_with_epsilon_in_the_root(keras2_rmsprop: Any) -> Any:
    """Return Keras 2.3's RMSprop with the other divisor; an update costs the same operations."""

    class RMSprop(keras2_rmsprop):
        def get_updates(self, loss: Any, params: List[Any]) -> List[Any]:
            gradients = self.get_gradients(loss, params)
            averages = [K.zeros(K.int_shape(param), dtype=K.dtype(param)) for param in params]
            self.weights = [self.iterations] + averages  # noqa: RUF005
            self.updates = [K.update_add(self.iterations, 1)]
            rate = self.learning_rate
            if self.initial_decay > 0:
                rate = rate * (1.0 / (1.0 + self.decay * K.cast(self.iterations, K.dtype(self.decay))))
            for param, gradient, average in zip(params, gradients, averages):
                new_average = self.rho * average + (1.0 - self.rho) * K.square(gradient)
                self.updates.append(K.update(average, new_average))
                change = rate * gradient / K.sqrt(new_average + self.epsilon)
                self.updates.append(K.update(param, param - change))
            return self.updates

    return RMSprop
