"""What can be said of the callback without Keras."""

import ast

from kerasbench.paths import PROJECT


def test_it_has_no_batch_hooks_for_they_would_make_keras_3_wait_after_every_batch() -> None:
    source = (PROJECT / "kerasbench" / "worker" / "callbacks.py").read_text()
    names = {node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)}
    assert {"on_epoch_begin", "on_epoch_end"} <= names
    assert not {name for name in names if name.startswith("on_") and "batch" in name}
