"""Keras 3 on TensorFlow: an embedding's gradient is squared slice by slice, before a word's slices are summed.

TensorFlow returns the gradient of a lookup as one slice for each word of the batch; a word's slices must be summed.
Keras 3.15.1 squares the slices (`ops.square`, in Adam, RMSprop, Adadelta and every other optimizer with a second
moment) without summing them first. A word that occurs twice gets the sum of squares; on all other backends it gets the
square of the sum. Found by the parity check of babi_rnn with `parity.optimizer=own`: TensorFlow deviated by 1.7e-2 from
five backends that agreed with each other.
"""

from typing import Any, List

import keras
import tensorflow as tf


def apply() -> None:
    """Pass dense gradients, with the slices summed, to every optimizer; its moments are dense in any case."""
    optimizer = keras.optimizers.Optimizer
    whole_apply = optimizer.apply

    def dense_apply(self: Any, grads: List[Any], trainable_variables: Any = None) -> Any:
        dense = [tf.convert_to_tensor(one) if isinstance(one, tf.IndexedSlices) else one for one in grads]
        return whole_apply(self, dense, trainable_variables)

    optimizer.apply = dense_apply
