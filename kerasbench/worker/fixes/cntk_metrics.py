"""CNTK under Keras 2.3.0 and 2.3.1: an epoch's accuracy leaves its last batch out, and is taken at the wrong weights.

Since 2.3, metrics keep totals, which each batch updates. `Function.__call__` in keras/backend/cntk_backend.py trains
on the batch, reads the metrics, and only then updates their totals: what it reads lacks this batch, and what it adds
is computed with the weights after the batch's update, not before it as on every other backend. A test set of one batch
has an accuracy of exactly 0 (so it was found), and training accuracy comes out too high.

Here the totals are updated first. CNTK still leaves dropout out when it does so: its training accuracy remains that of
the network without dropout.
"""

from typing import Any, List

import numpy as np
from keras.backend import cntk_backend


def apply() -> None:
    """Update the metrics of a batch before it is trained on and they are read."""
    train_and_read = cntk_backend.Function.__call__

    def call(self: Any, inputs: List[Any]) -> Any:
        updates = self.unrelated_updates
        if updates is not None:
            # As Function feeds them itself: CNTK computes in floats, and a word's number is one there, too.
            fed = {tensor: np.asarray(value, np.float32) for tensor, value in zip(self.placeholders, inputs)}
            phase = cntk_backend._LEARNING_PHASE_PLACEHOLDER
            if phase in fed:
                phase.value = fed[phase]
            updates.eval({argument: fed[argument] for argument in updates.arguments}, as_numpy=False)
        self.unrelated_updates = None
        try:
            return train_and_read(self, inputs)
        finally:
            self.unrelated_updates = updates

    cntk_backend.Function.__call__ = call
