"""Data that show whether a backend computes the same network: the losses of a few steps, and every layer's output."""

from typing import Any, Dict

import numpy as np
from keras.models import Model

from kerasbench.worker import dataset, dropout, protocol, weights
from kerasbench.worker.model import build, prepare_backend


def losses(request: Dict[str, Any], channel: protocol.Channel) -> None:
    """Train for some steps on successive batches, and send each step's loss, computed before its update."""
    framework = prepare_backend(request)
    dropout.prevent()
    training, _ = dataset.load(request["data"])
    network = build(request, training, framework)
    model, training = network.model, network.encoded(training)
    dropout.remove(model)
    size = request["batch_size"]
    found = []
    for step in range(request["steps"]):
        batch = training.part(step * size, (step + 1) * size)
        if hasattr(model, "reset_metrics"):
            model.reset_metrics()  # Keras 3 returns the mean over all batches since the last reset
        found.append(float(np.ravel(model.train_on_batch(batch.x, batch.y, sample_weight=batch.weights))[0]))
    channel.send(protocol.LOSSES, losses=found)


def outputs(request: Dict[str, Any], channel: protocol.Channel) -> None:
    """Save every layer's output for the first batch, numbered in the model's order, to the file that the request names.

    Raises:
        ValueError: the model is subclassed, so its layers have no outputs of their own.
    """
    framework = prepare_backend(request)
    dropout.prevent()
    training, _ = dataset.load(request["data"])
    model = build(request, training, framework).model
    dropout.remove(model)
    layers = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
    if not model.inputs:
        raise ValueError("the layers of a subclassed model have no outputs of their own")
    inspected = Model(inputs=model.inputs, outputs=[layer.output for layer in layers])
    inspected.compile(loss="mse", optimizer="sgd")  # keras-mxnet predicts only with a compiled model
    batch = training.part(0, request["batch_size"])
    predictions = inspected.predict(batch.x, batch_size=request["batch_size"])
    if len(layers) == 1:
        predictions = [predictions]
    if request["data"]["channels_first"]:  # images are compared in channels-last layout
        predictions = [np.moveaxis(array, 1, 3) if array.ndim == 4 else array for array in predictions]
    np.savez(request["path"], **{str(place): array for place, array in enumerate(predictions)})
    channel.send(protocol.OUTPUTS, layers=[layer.name for layer in layers])


def initial_weights(request: Dict[str, Any], channel: protocol.Channel) -> None:
    """Save the weights that Keras draws for the model, to the file that the request names."""
    framework = prepare_backend(request)
    training, _ = dataset.load(request["data"])
    weights.save(build(request, training, framework).model, request["path"])
    channel.send(protocol.WEIGHTS)
