"""Gives a model initial weights that define the same network on every backend."""

from typing import Any, Callable, List, Sequence, Tuple

from kerasbench.worker import initializers

Array = Any  # a NumPy array
Shape = Sequence[int]

# For a backend that stores weights in its own layout; its fixes add to this list. Two functions of the layer's class:
# from the backend's shapes to the common ones, and from arrays in the common layout to the backend's.
Conversion = Tuple[Callable[[str, List[Shape]], List[Shape]], Callable[[str, List[Array]], List[Array]]]
conversions: List[Conversion] = []


def share(model: Any, seed: int) -> None:
    """Set all initial weights from the seed, the same on every backend."""
    for layer in model.layers:
        shapes = [array.shape for array in layer.get_weights()]
        if shapes:
            inner = getattr(layer, "layer", layer)  # TimeDistributed's wrapped layer
            kind = type(inner).__name__
            for common_shapes, _ in conversions:
                shapes = common_shapes(kind, shapes)
            weights = initializers.draw(seed, layer.name, kind, shapes)
            for _, own in conversions:
                weights = own(kind, weights)
            layer.set_weights(weights)
