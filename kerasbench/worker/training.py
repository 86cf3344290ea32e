"""One training run, from the request to the last epoch."""

import math
from typing import Any, Dict, List, Tuple

import keras

from kerasbench.worker import dataset, protocol
from kerasbench.worker.callbacks import HAS_TEST_HOOKS, EpochReporter
from kerasbench.worker.example_order import Order
from kerasbench.worker.memory import peak_rss_mib
from kerasbench.worker.model import build, prepare_backend

PROBE_EXAMPLES = 128  # first examples of the training set; fixed, so that runs with different batch sizes compare
_MOST_PROBE_BATCHES = 64


def train(request: Dict[str, Any], channel: protocol.Channel) -> None:
    """Build the model, train it for all epochs, and send an event for each stage.

    Training begins when the driver is ready, because the driver's imports would disturb the timing.
    """
    framework = prepare_backend(request)
    watch = Stopwatch()
    training, test = dataset.load(request["data"])
    load_seconds = watch.lap()
    network = build(request, training, framework)
    model, training, test = network.model, network.encoded(training), network.encoded(test)
    channel.send(
        protocol.BUILT,
        load_seconds=load_seconds,
        build_seconds=watch.lap(),
        parameters=int(model.count_params()),
        examples=len(training),
    )
    watch.lap()
    loss = probe_loss(model, training, request["batch_size"], whole=request["settings"]["devices"] is not None)
    in_force = framework.in_force(model)
    channel.send(protocol.PROBED, parity_probe_loss=loss, probe_seconds=watch.lap(), in_force=in_force)
    channel.await_go()
    order = Order(len(training), request["seed"])
    own = {"x": test.x, "y": test.y, "sample_weight": test.weights, "batch_size": request["batch_size"]}
    reporter = EpochReporter(channel, framework, order, None if HAS_TEST_HOOKS else own)
    callbacks = reporter.around([_callback(spec) for spec in request["callbacks"]])
    for first, last in spans(request["epochs"], request["augment"]):
        examples = training
        if request["augment"]:
            watch.lap()
            examples = training.shifted_and_flipped(order.random)
            reporter.more["augmentation_seconds"] = watch.lap()
        if first == 0:
            reporter.start()
        model.fit(
            initial_epoch=first,
            epochs=last,
            validation_data=framework.validation(test, request["batch_size"]) if HAS_TEST_HOOKS else None,
            verbose=0,
            callbacks=callbacks,
            **framework.examples(model, examples, order, request["batch_size"]),
        )
    channel.send(
        protocol.FINISHED, ended_at=protocol.now(), peak_rss_mib=peak_rss_mib(), idle_seconds=channel.idle_seconds
    )


def spans(epochs: int, augment: bool) -> List[Tuple[int, int]]:
    """Return the epochs of each call of `fit` as (first, end), counted from 0, without the end.

    One call trains all epochs, as a user's script does, unless each epoch has its own augmented images.
    """
    return [(epoch, epoch + 1) for epoch in range(epochs)] if augment else [(0, epochs)]


def probe_loss(model: Any, training: dataset.Split, batch_size: int, whole: bool = False) -> float:
    """Return the mean loss of the first examples before any training, in batches of the training's size.

    The examples are repeated until they fill whole batches, which does not change their mean: a partial batch would be
    compiled for the probe alone. If that takes too many batches, the last one stays partial, unless `whole` is set:
    several devices could not share it equally.
    """
    probe = training.part(0, PROBE_EXAMPLES)
    times = batch_size // math.gcd(batch_size, len(probe))
    if whole or times * len(probe) <= _MOST_PROBE_BATCHES * batch_size:
        probe = probe.repeated(times)
    found = model.evaluate(probe.x, probe.y, batch_size=batch_size, verbose=0)
    return float(found[0] if isinstance(found, list) else found)


def _callback(spec: Dict[str, Any]) -> Any:
    arguments = dict(spec)
    return getattr(keras.callbacks, arguments.pop("class_name"))(**arguments)


class Stopwatch(object):
    """Measures the seconds between laps."""

    def __init__(self) -> None:
        self._last = protocol.now()

    def lap(self) -> float:
        """Return the seconds since the last lap, or since the watch was created."""
        now = protocol.now()
        passed, self._last = now - self._last, now
        return passed
