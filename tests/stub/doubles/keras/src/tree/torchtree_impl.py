"""Keras 3 on PyTorch uses PyTorch's trees."""

import types
from typing import Any


def _tree_flatten(tree: Any, is_leaf: Any = None) -> Any:
    return [tree], None


torch_tree = types.ModuleType("torch.utils._pytree")
vars(torch_tree)["tree_flatten"] = _tree_flatten
