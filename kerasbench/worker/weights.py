"""Gives a model initial weights that define the same network on every backend.

The project's own models draw them in NumPy, by layer name (`share`). Every other model gets those that Keras drew on
the reference backend: `save` keeps them by position, `load` sets them. Positions count layers with weights in the order
of `model.layers`, nested models included; names of unnamed layers differ between Keras versions.
"""

import json
from typing import Any, Callable, Dict, Iterator, List, Tuple

import numpy as np

from kerasbench.worker import initializers

Array = Any  # a NumPy array

# For a backend that stores weights in its own layout; its fixes add to this list. Two functions of the layer's class
# and its arrays: from the backend's layout to the common one, and back.
Conversion = Tuple[Callable[[str, List[Array]], List[Array]], Callable[[str, List[Array]], List[Array]]]
conversions: List[Conversion] = []


def share(model: Any, seed: int) -> None:
    """Draw all initial weights from the seed, by layer name."""
    for layer in layers_with_weights(model):
        shapes = [array.shape for array in _common(layer)]
        assign(layer, initializers.draw(seed, layer.name, _kind(layer), shapes))


def save(model: Any, path: str) -> None:
    """Save all weights in the common layout, with each layer's name, class and shapes."""
    arrays: Dict[str, Array] = {}
    described = []
    for place, layer in enumerate(layers_with_weights(model)):
        common = _common(layer)
        arrays.update({"{}_{}".format(place, number): array for number, array in enumerate(common)})
        described.append({"name": layer.name, "class": _kind(layer), "shapes": [list(one.shape) for one in common]})
    np.savez(path, layers=np.array(json.dumps(described)), **arrays)


def load(model: Any, path: str) -> None:
    """Set all weights to saved ones.

    Raises:
        ValueError: the saved model is another network; the message names the first layer that differs.
    """
    with np.load(path) as saved:
        described = json.loads(str(saved["layers"]))
        layers = list(layers_with_weights(model))
        for place, (there, layer) in enumerate(zip(described, layers)):
            shapes = [list(array.shape) for array in _common(layer)]
            if shapes != there["shapes"]:
                raise ValueError(_difference(place, there, layer, shapes))
        if len(described) != len(layers):
            raise ValueError(
                "the model has {} layers with weights, and {} on the reference backend".format(
                    len(layers), len(described)
                )
            )
        for place, (there, layer) in enumerate(zip(described, layers)):
            assign(layer, [saved["{}_{}".format(place, number)] for number in range(len(there["shapes"]))])


def assign(layer: Any, arrays: List[Array]) -> None:
    """Set a layer's weights, given in the common layout."""
    for _, own in conversions:
        arrays = own(_kind(layer), arrays)
    layer.set_weights(arrays)


def layers_with_weights(model: Any) -> Iterator[Any]:
    """Yield the layers that have weights, in order; a nested model's layers stand in its place."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            for nested in layers_with_weights(layer):
                yield nested
        elif layer.weights:
            yield layer


def _kind(layer: Any) -> str:
    """Return the class of a layer, or of the one that it wraps (TimeDistributed's)."""
    return type(getattr(layer, "layer", layer)).__name__


def _common(layer: Any) -> List[Array]:
    """Return a layer's weights in the common layout."""
    arrays: List[Array] = layer.get_weights()
    for common, _ in conversions:
        arrays = common(_kind(layer), arrays)
    return arrays


def _difference(place: int, there: Dict[str, Any], layer: Any, shapes: List[List[int]]) -> str:
    told = "layer {} ({} {}) has weights of shapes {}, and on the reference backend ({} {}) {}".format(
        place + 1, _kind(layer), layer.name, _listed(shapes), there["class"], there["name"], _listed(there["shapes"])
    )
    if {_kind(layer), there["class"]} & {"GRU", "CuDNNGRU", "Bidirectional"}:
        told += ": set reset_after of GRU, whose default is False in Keras 2 and True in Keras 3"
    return told


def _listed(shapes: List[List[int]]) -> str:
    return " ".join("({})".format(",".join(map(str, shape))) for shape in shapes)
