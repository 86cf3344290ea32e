"""The Keras callback that measures and reports every epoch."""

from typing import Any, Dict, Optional, Tuple

from keras.callbacks import Callback

from kerasbench.worker import protocol
from kerasbench.worker.framework import Framework
from kerasbench.worker.order import Order

HAS_TEST_HOOKS = hasattr(Callback, "on_test_begin")  # Keras 2.2 does not notify callbacks of validation


class EpochReporter(Callback):
    """Times each epoch's training and validation separately, and sends both with the epoch's results.

    It overrides no training batch hook: such a hook would make Keras 3 wait for the device after every batch on JAX
    and PyTorch. An epoch's training ends when validation begins and the device has finished all its work, including
    the last batch's update. The first epoch begins at the call of `fit`, because Theano and CNTK compile there, before
    any hook; other backends compile in the first batch. Under Keras 2.2 the callback runs the validation itself.

    Attributes:
        between_epochs: seconds spent preparing the epoch's examples before its clock started, by metric name.
    """

    def __init__(
        self, channel: protocol.Channel, framework: Framework, order: Order, validation: Tuple[Any, Any, int]
    ) -> None:
        """Report to a channel.

        Args:
            channel: receives the events.
            framework: synchronized before each clock reading.
            order: advances at the beginning of each epoch.
            validation: inputs, labels and batch size, for Keras versions without test hooks.
        """
        super(EpochReporter, self).__init__()
        self._channel = channel
        self._framework = framework
        self._order = order
        self._validation = validation
        self.between_epochs: Dict[str, float] = {}
        self._started_at = self._ended_at = self._validated_at = 0.0

    def start(self) -> None:
        """Start an epoch's clock."""
        self._started_at = protocol.now()

    def on_epoch_begin(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Draw the epoch's order and start its clock; `start` has already started the first epoch's."""
        if epoch > 0:
            self.start()
        self._order.advance()

    def on_test_begin(self, logs: Optional[Dict[str, Any]] = None) -> None:
        """Stop the training clock: validation begins."""
        self._framework.wait(self.model)
        self._ended_at = protocol.now()

    def on_test_end(self, logs: Optional[Dict[str, Any]] = None) -> None:
        """Stop the validation clock."""
        self._validated_at = protocol.now()

    def on_epoch_end(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Send the epoch's results; `epoch` counts from 0."""
        assert logs is not None
        results = {name.replace("acc", "accuracy") if name.endswith("acc") else name: logs[name] for name in logs}
        if not HAS_TEST_HOOKS:
            x, y, batch_size = self._validation
            self.on_test_begin()
            results["val_loss"], results["val_accuracy"] = self.model.evaluate(x, y, batch_size=batch_size, verbose=0)
            self.on_test_end()
        self._channel.send(
            protocol.EPOCH,
            epoch=epoch + 1,
            started_at=self._started_at,
            ended_at=self._ended_at,
            epoch_seconds=self._ended_at - self._started_at,
            validation_seconds=self._validated_at - self._ended_at,
            loss=float(results["loss"]),
            accuracy=float(results["accuracy"]),
            val_loss=float(results["val_loss"]),
            val_accuracy=float(results["val_accuracy"]),
            **self.between_epochs,
        )
