"""The Keras callback that measures and reports every epoch."""

from typing import Any, Dict, Optional

from keras.callbacks import Callback

from kerasbench.worker import protocol
from kerasbench.worker.framework import Framework


class EpochReporter(Callback):
    """Times each epoch's training apart from its validation, and sends both with the epoch's results.

    It overrides epoch hooks only: a batch hook would make Keras 3 wait for the device after every batch on JAX and
    PyTorch. The epoch's training ends in `on_epoch_end`, when its metrics are numbers and the device has done all that
    it was asked, the last batch's update included. The first epoch begins where `fit` is called, since Theano and CNTK
    compile there, before any hook, what other backends compile in the first batch. Validation is run from here rather
    than by `fit`, whose validation Keras 2.2 announces to no callback, so that the same lines time all Keras versions.

    Attributes:
        between_epochs: the seconds that the epoch's examples took before its clock started, by metric name.
    """

    def __init__(
        self, channel: protocol.Channel, framework: Framework, x_test: Any, y_test: Any, batch_size: int
    ) -> None:
        super(EpochReporter, self).__init__()
        self._channel = channel
        self._framework = framework
        self._x_test = x_test
        self._y_test = y_test
        self._batch_size = batch_size
        self.between_epochs: Dict[str, float] = {}
        self._started_at = 0.0

    def before_fit(self, epoch: int) -> None:
        """Start the clock of the first epoch. `epoch` is counted from 0."""
        if epoch == 0:
            self._start()

    def on_epoch_begin(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Start the clock of every other epoch. `epoch` is counted from 0."""
        if epoch > 0:
            self._start()

    def _start(self) -> None:
        self._started_at = protocol.now()

    def on_epoch_end(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Stop the clock, validate, and report. `epoch` is counted from 0."""
        assert logs is not None
        loss = float(logs["loss"])
        accuracy = float(logs["accuracy"] if "accuracy" in logs else logs["acc"])  # "acc": Keras 2.2
        self._framework.wait(self.model)
        ended_at = protocol.now()
        val_loss, val_accuracy = self.model.evaluate(self._x_test, self._y_test, batch_size=self._batch_size, verbose=0)
        validated_at = protocol.now()
        self._channel.send(
            protocol.EPOCH,
            epoch=epoch + 1,
            started_at=self._started_at,
            ended_at=ended_at,
            epoch_seconds=ended_at - self._started_at,
            validation_seconds=validated_at - ended_at,
            loss=loss,
            accuracy=accuracy,
            val_loss=float(val_loss),
            val_accuracy=float(val_accuracy),
            **self.between_epochs,
        )
