"""models/mnist_mlp.py without Keras: NumPy in double precision, the ground truth of its parity certificate.

It has no dropout, trains by plain SGD on the categorical cross-entropy, and computes its gradients explicitly.
"""

from typing import Any, Callable, List, Sequence

import numpy as np

Draw = Callable[[str, str, Sequence[Sequence[int]]], List[Any]]


def losses(
    images: Any, labels: Any, draw: Draw, units: int, dropout: float, batch_size: int, rate: float
) -> List[float]:
    """Train on every batch once, and return each batch's loss before its update.

    Args:
        images: (examples, height, width, channels), the training examples.
        labels: (examples, classes), one-hot.
        draw: returns a layer's initial weights, given its name, its class and the weights' shapes.
        units: number of units of each hidden layer.
        dropout: must be 0.
        batch_size: examples per step.
        rate: the learning rate.
    """
    assert not dropout
    inputs = images.reshape(len(images), -1).astype(np.float64)
    sizes = [inputs.shape[1], units, units, labels.shape[1]]
    parameters = [
        [array.astype(np.float64) for array in draw(name, "Dense", [(rows, columns), (columns,)])]
        for name, rows, columns in zip(("hidden_1", "hidden_2", "probabilities"), sizes[:-1], sizes[1:])
    ]
    batches = [slice(start, start + batch_size) for start in range(0, len(inputs), batch_size)]
    return [_step(parameters, inputs[batch], labels[batch], rate) for batch in batches]


def _step(parameters: List[List[Any]], x: Any, labels: Any, rate: float) -> float:
    """Return the loss of one batch and update the parameters in place."""
    activations = [x]
    for kernel, bias in parameters[:-1]:
        activations.append(np.maximum(activations[-1] @ kernel + bias, 0))
    kernel, bias = parameters[-1]
    scores = activations[-1] @ kernel + bias
    scores -= scores.max(axis=1, keepdims=True)
    log_probabilities = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    loss = float(-(labels * log_probabilities).sum(axis=1).mean())

    gradient = (np.exp(log_probabilities) - labels) / len(x)  # with respect to the scores
    for (kernel, bias), activation in zip(parameters[::-1], activations[::-1]):
        kernel_gradient, bias_gradient = activation.T @ gradient, gradient.sum(axis=0)
        gradient = (gradient @ kernel.T) * (activation > 0)
        kernel -= rate * kernel_gradient
        bias -= rate * bias_gradient
    return loss
