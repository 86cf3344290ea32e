"""Keras 3 on TensorFlow: an embedding's gradient is squared word by word, before the words of a batch are summed.

TensorFlow gives the gradient of a lookup as one slice for each word of the batch, a word's slices to be summed. Keras
3.15.1 squares the slices (`ops.square`, in Adam, RMSprop, Adadelta and whatever else keeps a second moment) without
summing them first, so that a word that occurs twice has the sum of squares where all other backends have the square of
the sum. Found by the parity of babi_rnn with `parity.optimizer=own`: TensorFlow was 1.7e-2 apart from five backends
that agreed with each other.
"""

from typing import Any, List

import keras
import tensorflow as tf


def apply() -> None:
    """Give every optimizer dense gradients, in which the slices are summed; its moments are dense in any case."""
    optimizer = keras.optimizers.Optimizer
    whole_apply = optimizer.apply

    def dense_apply(self: Any, grads: List[Any], trainable_variables: Any = None) -> Any:
        dense = [tf.convert_to_tensor(one) if isinstance(one, tf.IndexedSlices) else one for one in grads]
        return whole_apply(self, dense, trainable_variables)

    optimizer.apply = dense_apply
