"""CNTK under Keras 2.3.0 and 2.3.1: an epoch's accuracy omits its last batch and uses the wrong weights.

Since 2.3, metrics keep totals, which each batch updates. `Function.__call__` in keras/backend/cntk_backend.py trains
on the batch, reads the metrics, and only then updates their totals. The values it reads lack this batch, and the values
it adds use the weights after the batch's update, where every other backend uses those before it. A test set of one
batch has an accuracy of exactly 0 (this is how the defect was found), and training accuracy is too high.

The fix updates the totals first. CNTK applies no dropout in this step: its training accuracy remains that of the
network without dropout.
"""

from typing import Any, List

import numpy as np
from keras.backend import cntk_backend


def apply() -> None:
    """Update the metrics for a batch before training on it and before reading them."""
    train_and_read = cntk_backend.Function.__call__

    def call(self: Any, inputs: List[Any]) -> Any:
        updates = self.unrelated_updates
        if updates is not None:
            # Convert as Function does: CNTK computes in floats, word indices included.
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
