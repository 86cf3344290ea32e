"""Gives a model weights that mean the same on every backend."""

from typing import Any, Callable, List

from kerasbench.worker import initializers

Array = Any  # a NumPy array

# What a backend keeps otherwise than the others: (class of a layer, its weights) -> its weights in the other form.
# Each is its own inverse. Filled by the backend's fixes.
conversions: List[Callable[[str, List[Array]], List[Array]]] = []


def share(model: Any, seed: int) -> None:
    """Set all initial weights to those that follow from the seed, the same for every backend."""
    for layer in model.layers:
        shapes = [array.shape for array in layer.get_weights()]
        if shapes:
            inner = getattr(layer, "layer", layer)  # what TimeDistributed wraps
            kind = type(inner).__name__
            weights = initializers.draw(seed, layer.name, kind, shapes)
            for convert in conversions:
                weights = convert(kind, weights)
            layer.set_weights(weights)
