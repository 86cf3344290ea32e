from typing import Any

from .backend import backend


class Callback:
    model: Any = None

    def set_model(self, model: Any) -> None:
        self.model = model

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None: ...

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None: ...

    if backend() != "mxnet":  # Keras 2.2 has no validation hooks

        def on_test_begin(self, logs: dict[str, Any] | None = None) -> None: ...

        def on_test_end(self, logs: dict[str, Any] | None = None) -> None: ...
