"""Keras 2 on TensorFlow 1: an optimizer may read its count of updates after it was raised, instead of before.

Keras 2.3.1's optimizers ask for `iterations + 1` first, and read `iterations` for the decay of the learning rate and
for Adam's bias correction. In TensorFlow 1's graph nothing orders the two, and the count, which depends on nothing, is
raised first: Adam's first step is corrected as if it were its second. Theano and CNTK read all old values before they
write new ones. Found by the parity of the perceptron with `parity.optimizer=own` and Adam: 8e-2 after eight steps.
"""

from typing import Any, List

import tensorflow as tf
from keras import backend as K
from keras import optimizers


def apply() -> None:
    """Make every optimizer count an update when it has been made."""
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
