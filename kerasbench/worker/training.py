"""One training run, from the request to the last epoch."""

import resource
import time
from typing import Any, Dict

import numpy as np

from kerasbench.worker import dataset, protocol
from kerasbench.worker.augmentation import shift_and_flip
from kerasbench.worker.callbacks import EpochReporter
from kerasbench.worker.model import build, prepare_backend


def train(request: Dict[str, Any], channel: protocol.Channel) -> None:
    """Build the model, train it for all epochs, and send an event for each step."""
    prepare_backend(request)
    training, test = dataset.load(request["data"])
    started = time.perf_counter()
    model = build(request, training)
    channel.send(
        protocol.BUILT,
        build_seconds=time.perf_counter() - started,
        parameters=int(model.count_params()),
        examples=len(training),
    )
    batch_size = request["batch_size"]
    first = training.part(0, batch_size)
    probe_loss, _ = model.evaluate(first.x, first.labels, batch_size=batch_size, verbose=0)
    channel.send(protocol.PROBED, parity_probe_loss=float(probe_loss))
    reporter = EpochReporter(channel, test.x, test.labels, batch_size)
    random = np.random.RandomState(request["seed"])
    for epoch in range(request["epochs"]):
        # Order and augmentation are drawn here, the same for every backend, and outside the callback's clock.
        shuffled = training.reordered(random.permutation(len(training)))
        if request["augment"]:
            reporter.augmentation_seconds = _augment(shuffled, random)
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
    channel.send(protocol.FINISHED, peak_rss_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0)


def _augment(split: dataset.Split, random: Any) -> float:
    """Shift and flip the images of a split, and return the seconds that it took."""
    started = time.perf_counter()
    split.inputs = [shift_and_flip(images, random) for images in split.inputs]
    return time.perf_counter() - started
