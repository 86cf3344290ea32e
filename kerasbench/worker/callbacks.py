"""The Keras callbacks that measure every epoch, and report it to the driver."""

import itertools
import re
from typing import Any, Dict, Iterator, List, Optional

import numpy as np
from keras.callbacks import Callback

from kerasbench.worker import protocol
from kerasbench.worker.example_order import Order
from kerasbench.worker.framework import Framework
from kerasbench.worker.memory import rss_mib

HAS_TEST_HOOKS = hasattr(Callback, "on_test_begin")  # Keras 2.2 does not notify callbacks of validation


class EpochClock(Callback):
    """Times each epoch's training and validation separately, and passes both with Keras' `logs` to `report`.

    It overrides no training batch hook: such a hook would make Keras 3 wait for the device after every batch on JAX
    and PyTorch. An epoch's training ends when validation begins, or else when the epoch ends, and the device has
    finished all its work, including the last batch's update.
    """

    def __init__(self, framework: Framework) -> None:
        """Time; the framework is synchronized before each clock reading."""
        super(EpochClock, self).__init__()
        self._framework = framework
        self._training = False  # whether the clock of an epoch's training runs
        self._started_at = self._ended_at = 0.0
        self._validated_at: Optional[float] = None

    def start(self) -> None:
        """Start an epoch's clock."""
        self._training, self._validated_at = True, None
        self._started_at = protocol.now()

    def end_training(self, logs: Optional[Dict[str, Any]]) -> None:
        """Stop the clock of the epoch's training, unless it has stopped."""
        self.on_test_begin(logs)

    def on_epoch_begin(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Start the epoch's clock, unless the caller of `fit` has."""
        if not self._training:
            self.start()

    def on_test_begin(self, logs: Optional[Dict[str, Any]] = None) -> None:
        """Stop the training clock, if it runs: validation begins, or else an evaluation outside an epoch."""
        if self._training:
            self._framework.wait(self.model)
            self._ended_at = protocol.now()
            self._training = False

    def on_test_end(self, logs: Optional[Dict[str, Any]] = None) -> None:
        """Stop the validation clock."""
        self._validated_at = protocol.now()

    def on_epoch_end(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Report the epoch."""
        self.end_training(logs)
        results = reported(logs or {})
        timed = {} if self._validated_at is None else {"validation_seconds": self._validated_at - self._ended_at}
        self.report(
            epoch,
            dict(
                timed,
                started_at=self._started_at,
                ended_at=self._ended_at,
                epoch_seconds=self._ended_at - self._started_at,
                includes_validation=not timed
                and not HAS_TEST_HOOKS
                and any(name.startswith("val_") for name in results),
                logs=results,
            ),
        )

    def report(self, epoch: int, measured: Dict[str, Any]) -> None:
        """Take what was measured of an epoch, as fields of the event `protocol.EPOCH`; Keras counts `epoch` from 0."""
        raise NotImplementedError


class EpochReporter(EpochClock):
    """Sends each epoch's times and results from a worker to the driver.

    The first epoch begins at the call of `fit`, because Theano and CNTK compile there, before any hook; other backends
    compile in the first batch.

    Keras 2.2 does not say when validation begins. There, the callback runs the validation itself if it is given the
    data; otherwise an epoch's time includes its validation, and the event says so.

    Attributes:
        epochs: the number of epochs reported so far.
        more: other fields of the next epochs' events, such as the seconds spent preparing an epoch's examples.
    """

    def __init__(
        self,
        channel: protocol.Channel,
        framework: Framework,
        order: Optional[Order] = None,
        validation: Optional[Dict[str, Any]] = None,
        numbers: Optional[Iterator[int]] = None,
    ) -> None:
        """Report to a channel.

        Args:
            channel: receives the events.
            framework: synchronized before each clock reading.
            order: advances at the beginning of each epoch.
            validation: arguments of `Model.evaluate`, for Keras versions without test hooks.
            numbers: the numbers of the epochs; several reporters that share them count on. By default from 1.
        """
        super(EpochReporter, self).__init__(framework)
        self._channel = channel
        self._order = order
        self._validation = validation
        self._numbers = numbers or itertools.count(1)
        self.epochs = 0
        self.more: Dict[str, Any] = {}

    def around(self, callbacks: List[Any]) -> List[Any]:
        """Return the callbacks of `fit` with this one, so that their work after an epoch is not timed as training.

        The last of them reports what the others add to `logs`, such as a learning rate.
        """
        return [_Before(self), *callbacks, self]

    def start(self) -> None:
        """Start an epoch's clock, and its memory's peak."""
        self._framework.memory()
        super(EpochReporter, self).start()

    def end_training(self, logs: Optional[Dict[str, Any]]) -> None:
        """Stop the clock of the epoch's training, unless it has stopped; run the validation where Keras does not."""
        if self._training and self._validation is not None:
            assert logs is not None
            self.on_test_begin()
            values = np.ravel(self.model.evaluate(verbose=0, **self._validation))
            self.on_test_end()
            logs.update(reported({"val_" + name: value for name, value in zip(self.model.metrics_names, values)}))
            logs.update(reported(logs))
        super(EpochReporter, self).end_training(logs)

    def on_epoch_begin(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        """Start the epoch's clock, unless the caller of `fit` has; draw the epoch's order."""
        super(EpochReporter, self).on_epoch_begin(epoch, logs)
        if self._order is not None:
            self._order.advance()

    def report(self, epoch: int, measured: Dict[str, Any]) -> None:
        """Send the epoch's results."""
        self.epochs += 1
        self._channel.send(
            protocol.EPOCH, epoch=next(self._numbers), memory=self._memory(), **dict(measured, **self.more)
        )

    def _memory(self) -> Dict[str, float]:
        """Return what the epoch took, by the metrics' names: after the clocks, because it takes a moment to read."""
        found = self._framework.memory()
        resident = rss_mib()
        return found if resident is None else dict(found, epoch_end_rss_mib=resident)


class _Before(Callback):
    """Comes before the other callbacks, so that their work after an epoch is not timed as training."""

    def __init__(self, reporter: EpochReporter) -> None:
        super(_Before, self).__init__()
        self._reporter = reporter

    def on_epoch_end(self, epoch: int, logs: Optional[Dict[str, Any]] = None) -> None:
        self._reporter.end_training(logs)


def reported(logs: Dict[str, Any]) -> Dict[str, float]:
    """Return the entries of `logs` as numbers, by one name each: "acc", as Keras 2.2 says, is "accuracy".

    An entry with several values, such as an F1 score of each class, becomes one for each; what is no number is left
    out.
    """
    found: Dict[str, float] = {}
    for name, value in logs.items():
        name = re.sub(r"(^|_)acc$", r"\1accuracy", name)
        try:
            values = np.ravel(np.asarray(value, dtype=float))
        except (TypeError, ValueError):
            continue
        names = [name] if values.size == 1 else ["{}_{}".format(name, place) for place in range(values.size)]
        found.update(zip(names, values.tolist()))
    return found
