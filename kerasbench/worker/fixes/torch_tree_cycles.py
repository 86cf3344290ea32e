"""Keras 3 on PyTorch: each batch's tensors stay in memory until Python's garbage collector looks for cycles.

Keras 3.15.1 walks through structures (keras/src/tree/torchtree_impl.py) with `tree_flatten` of PyTorch and a function
that refers to the structure. Inside `tree_flatten`, a recursive function refers to itself and to that function: a
cycle, which holds the structure and its tensors, on a GPU its memory, until the collector runs (keras-team/keras issue
23110; fixed after 3.15.1). On the CPU, too, as `tests/integration/test_memory.py` shows.
"""

import types
from typing import Any, Callable, Optional

from keras.src.tree import torchtree_impl

Leaf = Optional[Callable[[Any], bool]]


def apply() -> None:
    """Give Keras a `tree_flatten` whose cycle holds no structure once it has returned; PyTorch keeps its own."""
    pytree = torchtree_impl.torch_tree
    flatten = pytree.tree_flatten

    def released(tree: Any, is_leaf: Leaf = None) -> Any:
        if is_leaf is None:
            return flatten(tree)
        kept = [is_leaf]
        try:
            return flatten(tree, is_leaf=lambda node: kept[0](node))
        finally:
            kept.clear()

    own = types.ModuleType(pytree.__name__)
    vars(own).update(vars(pytree), tree_flatten=released)
    torchtree_impl.torch_tree = own
