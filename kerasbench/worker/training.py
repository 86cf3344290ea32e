"""One training run, from the request to the last epoch."""

from typing import Any, Dict

import numpy as np

from kerasbench.worker import dataset, protocol
from kerasbench.worker.callbacks import EpochReporter
from kerasbench.worker.memory import peak_rss_mib
from kerasbench.worker.model import build, prepare_backend

PROBE_EXAMPLES = 128  # the first of the training set, whatever the batch size: runs of several sizes can be compared


def train(request: Dict[str, Any], channel: protocol.Channel) -> None:
    """Build the model, train it for all epochs, and send an event for each step.

    It begins to train when the driver is ready, too, whose imports would disturb the clock. Order and augmentation are
    drawn between the epochs, the same for every backend, outside the callback's clock; what they take is told apart.
    """
    framework = prepare_backend(request)
    watch = Stopwatch()
    training, test = dataset.load(request["data"])
    shuffled = training.empty()
    load_seconds = watch.lap()
    model = build(request, training, framework)
    channel.send(
        protocol.BUILT,
        load_seconds=load_seconds,
        build_seconds=watch.lap(),
        parameters=int(model.count_params()),
        examples=len(training),
    )
    batch_size = request["batch_size"]
    watch.lap()
    probe = training.part(0, PROBE_EXAMPLES)
    probe_loss, _ = model.evaluate(probe.x, probe.labels, batch_size=batch_size, verbose=0)
    in_force = framework.in_force(model)
    channel.send(protocol.PROBED, parity_probe_loss=float(probe_loss), probe_seconds=watch.lap(), in_force=in_force)
    channel.await_go()
    reporter = EpochReporter(channel, framework, test.x, test.labels, batch_size)
    random = np.random.RandomState(request["seed"])
    for epoch in range(request["epochs"]):
        watch.lap()
        training.reorder_into(shuffled, random.permutation(len(training)))
        reporter.between_epochs["shuffle_seconds"] = watch.lap()
        if request["augment"]:
            shuffled.shift_and_flip(random)
            reporter.between_epochs["augmentation_seconds"] = watch.lap()
        reporter.before_fit(epoch)
        model.fit(
            shuffled.x,
            shuffled.labels,
            batch_size=batch_size,
            initial_epoch=epoch,
            epochs=epoch + 1,
            shuffle=False,
            verbose=0,
            callbacks=[reporter],
        )
    channel.send(
        protocol.FINISHED, ended_at=protocol.now(), peak_rss_mib=peak_rss_mib(), idle_seconds=channel.idle_seconds
    )


class Stopwatch(object):
    """Tells the seconds since it was last asked."""

    def __init__(self) -> None:
        self._last = protocol.now()

    def lap(self) -> float:
        """Return the seconds since the last lap, or since the watch was made."""
        now = protocol.now()
        passed, self._last = now - self._last, now
        return passed
