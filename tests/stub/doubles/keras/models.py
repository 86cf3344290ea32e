from typing import Any

import numpy as np

from .backend import backend
from .callbacks import Callback
from .layers import Layer, Tensor

_FLOOR = np.float32(1e-7)  # lower limit of a probability before its logarithm


class Model:
    """A chain of layers from one input to the last output; the proof's has one chain for each output."""

    built = True

    def __init__(self, inputs: Any, outputs: Any, name: str = "model") -> None:
        self.name = name
        self.inputs: list[Tensor] = inputs if isinstance(inputs, list) else [inputs]
        self.outputs: list[Tensor] = outputs if isinstance(outputs, list) else [outputs]
        self.layers: list[Layer] = []
        self.built, self.compiled = True, False
        self.output_shape = (None, *self.outputs[-1].shape)
        self.output_names = [self.outputs[-1].layer.name]
        for tensor in reversed(self.outputs):
            chain: Tensor | None = tensor
            while chain and chain.layer not in self.layers:
                self.layers.insert(0, chain.layer)
                chain = chain.source

    def compile(self, loss: str, optimizer: Any, metrics: list[str] | None = None, **settings: Any) -> None:
        self.optimizer, self.loss, self._metrics, self.compiled = optimizer, loss, metrics or [], True
        vars(self).update(settings)

    @property
    def metrics_names(self) -> list[str]:
        return ["loss", *("acc" if backend() == "mxnet" else metric for metric in self._metrics)]

    def _flatten_layers(self) -> list[Layer]:
        return self.layers

    def count_params(self) -> int:
        return sum(weight.size for layer in self.layers for weight in layer.weights)

    def fit(
        self, x: Any, y: Any, *, batch_size: int, shuffle: bool, verbose: int, callbacks: list[Callback],
        initial_epoch: int, epochs: int, validation_data: Any = None,
    ) -> None:  # fmt: skip
        assert not shuffle, "the double does not shuffle"
        accuracy = "acc" if backend() == "mxnet" else "accuracy"  # Keras 2.2's name
        for callback in callbacks:
            callback.set_model(self)
        for epoch in range(initial_epoch, epochs):
            for callback in callbacks:
                callback.on_epoch_begin(epoch)
            sums = np.zeros(2)
            for start in range(0, len(y), batch_size):
                labels = y[start : start + batch_size]
                sums += len(labels) * self._train(x[start : start + batch_size], labels)
            logs = dict(zip(("loss", accuracy), sums / len(y), strict=True))
            if validation_data is not None:
                logs |= self._validate(validation_data, batch_size, callbacks)
            for callback in callbacks:
                callback.on_epoch_end(epoch, logs)
            print(f"[double] epoch {epoch + 1} is over", flush=True)  # tests/faults compares it with what was kept

    def _validate(self, data: Any, batch_size: int, callbacks: list[Callback]) -> dict[str, float]:
        notified = [callback for callback in callbacks if hasattr(Callback, "on_test_begin")]  # in Keras 2.2: none
        for callback in notified:
            callback.on_test_begin()
        x, y = data
        loss, accuracy = self.evaluate(x, y, batch_size=batch_size, verbose=0)
        for callback in notified:
            callback.on_test_end()
        return {"val_loss": loss, "val_accuracy": accuracy}

    def train_on_batch(self, x: Any, y: Any, sample_weight: Any = None) -> Any:
        loss, accuracy = self._train(x, y)
        return [loss, accuracy] if self._metrics else loss

    def evaluate(self, x: Any, y: Any, batch_size: int, verbose: int, sample_weight: None = None) -> list[float]:
        return list(_results(self._forward(x, training=False)[self.layers[-1]], y))

    def predict(self, x: Any, batch_size: int) -> Any:
        found = self._forward(x, training=False)
        predictions = [found[tensor.layer] for tensor in self.outputs]
        return predictions if len(predictions) > 1 else predictions[0]

    def _forward(self, x: Any, training: bool) -> dict[Layer, Any]:
        found = {}
        given = dict(zip((tensor.layer for tensor in self.inputs), x if isinstance(x, list) else [x], strict=True))
        for layer in self.layers:
            x = found[layer] = layer.forward(given.get(layer, x), training)
        return found

    def _train(self, x: Any, y: Any) -> Any:
        probabilities = self._forward(x, training=True)[self.layers[-1]]
        gradient = (probabilities - y) / np.float32(len(y))  # with respect to the softmax's logits
        for layer in reversed(self.layers):
            gradient = layer.backward(gradient)
        self.optimizer.apply(
            [gradient for layer in self.layers for gradient in layer.gradients],
            [weight for layer in self.layers for weight in layer.weights],
        )
        return _results(probabilities, y)


class Sequential(Model):
    """Only what the worker changes in Keras 2."""

    def add(self, layer: Layer) -> None:
        raise NotImplementedError


def _results(probabilities: Any, y: Any) -> Any:
    """Return loss and accuracy."""
    loss = -np.log(np.maximum((probabilities * y).sum(axis=1), _FLOOR)).mean()
    return np.array([loss, (probabilities.argmax(axis=1) == y.argmax(axis=1)).mean()])
