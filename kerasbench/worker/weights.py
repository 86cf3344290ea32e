"""Gives a model weights that mean the same on every backend."""

from typing import Any, Callable, List, Sequence, Tuple

from kerasbench.worker import initializers

Array = Any  # a NumPy array
Shape = Sequence[int]

# How a backend keeps weights otherwise than the others, filled by the backend's fixes: from the shapes that a layer of
# some class has there to those it has elsewhere, and from such arrays to the backend's own.
Conversion = Tuple[Callable[[str, List[Shape]], List[Shape]], Callable[[str, List[Array]], List[Array]]]
conversions: List[Conversion] = []


def share(model: Any, seed: int) -> None:
    """Set all initial weights to those that follow from the seed, the same for every backend."""
    for layer in model.layers:
        shapes = [array.shape for array in layer.get_weights()]
        if shapes:
            inner = getattr(layer, "layer", layer)  # what TimeDistributed wraps
            kind = type(inner).__name__
            for common_shapes, _ in conversions:
                shapes = common_shapes(kind, shapes)
            weights = initializers.draw(seed, layer.name, kind, shapes)
            for _, own in conversions:
                weights = own(kind, weights)
            layer.set_weights(weights)
