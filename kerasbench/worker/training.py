"""One training run, from the request to the last epoch."""

import importlib
import random
import resource
import time
from typing import Any, Dict

import numpy as np

from kerasbench.worker import dataset, optimizers, protocol
from kerasbench.worker.callbacks import EpochReporter


def train(request: Dict[str, Any], channel: protocol.Channel) -> None:
    """Build the model, train it for all epochs, and send an event for each step."""
    for fix in request["fixes"]:
        importlib.import_module("kerasbench.worker.fixes." + fix).apply()
    seed_everything(request["seed"], request["seed_function"])
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
    reporter = EpochReporter(channel, test.x, test.labels, batch_size)
    orders = np.random.RandomState(request["seed"])
    for epoch in range(request["epochs"]):
        # The order is drawn here, the same for every backend, and outside the callback's clock.
        shuffled = training.reordered(orders.permutation(len(training)))
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


def build(request: Dict[str, Any], training: dataset.Split) -> Any:
    """Return the compiled model that the request describes, for data of the given split's shapes."""
    module = importlib.import_module(request["model"]["module"])
    model = module.build(
        [array.shape[1:] for array in training.inputs], training.labels.shape[1], **request["model"]["build"]
    )
    model.compile(loss=request["loss"], optimizer=optimizers.build(request["optimizer"]), metrics=["accuracy"])
    return model


def seed_everything(seed: int, seed_function: str) -> None:
    """Seed Python, NumPy, and the backend, by the function whose dotted name its configuration gives.

    What a framework draws by itself, dropout for one, then follows from the seed.
    """
    random.seed(seed)
    np.random.seed(seed)
    module, _, name = seed_function.rpartition(".")
    getattr(importlib.import_module(module), name)(seed)
