"""Keras 2 on TensorFlow 1: an optimizer may read its update counter after the increment instead of before it.

Keras 2.3.1's optimizers first add the update `iterations + 1`, then read `iterations` for the decay of the learning
rate and for Adam's bias correction. TensorFlow 1's graph does not order the two. The increment depends on nothing and
runs first: Adam corrects its first step as if it were its second. Theano and CNTK read all old values before they write
new ones. Found by the parity check of the perceptron with `parity.optimizer=own` and Adam: 8e-2 after eight steps.
"""

from typing import Any, List

import tensorflow as tf
from keras import backend as K
from keras import optimizers


def apply() -> None:
    """Make every optimizer count an update only after making it."""
    for optimizer in optimizers.Optimizer.__subclasses__():
        optimizer.get_updates = _counting_last(optimizer.get_updates)


def _counting_last(get_updates: Any) -> Any:
    def ordered(self: Any, loss: Any, params: List[Any]) -> List[Any]:
        update_add = K.update_add
        K.update_add = lambda x, increment: None if x is self.iterations else update_add(x, increment)
        try:
            updates = [update for update in get_updates(self, loss, params) if update is not None]
        finally:
            K.update_add = update_add
        with tf.control_dependencies(updates):
            self.updates = [*updates, K.update_add(self.iterations, 1)]
        return self.updates  # type: ignore[no-any-return]

    return ordered
