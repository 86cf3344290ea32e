"""Run by a backend's interpreter: dispatches work, waits for the device, and prints the time of each.

No metric depends on the work, as none depends on the last update of an epoch.
"""

import importlib
import json
import sys
import time
from typing import Any

import keras
from keras.layers import Dense
from keras.models import Sequential

SIZE = int(sys.argv[2])  # rows of the square matrices
PRODUCTS = 100


def jax_work(model: Any) -> Any:
    """Return a function that dispatches a chain of products, whose result becomes the model's kernel."""
    import jax

    kernel = model.variables[0]
    chain = jax.jit(lambda x: jax.lax.fori_loop(0, PRODUCTS, lambda _, y: y @ x, x))
    chain(kernel.value).block_until_ready()  # compiled
    return lambda: kernel.assign(chain(kernel.value))


def torch_work(model: Any) -> Any:
    """Return a function that dispatches a chain of products to a GPU; on a CPU, operators are synchronous."""
    import torch

    x = torch.zeros((SIZE, SIZE), device="cuda")

    def dispatch() -> None:
        y = x
        for _ in range(PRODUCTS):
            y = y @ x

    dispatch()  # loads the kernels
    return dispatch


def mxnet_work(model: Any) -> Any:
    """Return a function that dispatches a chain of products."""
    import mxnet as mx

    x = mx.nd.zeros((SIZE, SIZE))

    def dispatch() -> None:
        y = x
        for _ in range(PRODUCTS):
            y = mx.nd.dot(y, x)

    return dispatch


def main(backend: str) -> None:
    """Print the seconds to dispatch the work, and to wait for it."""
    framework = importlib.import_module("kerasbench.worker.frameworks." + backend)
    model = Sequential(
        [keras.Input((SIZE,)), Dense(SIZE)] if backend != "mxnet" else [Dense(SIZE, input_shape=(SIZE,))]
    )
    dispatch = {"jax": jax_work, "mxnet": mxnet_work, "torch": torch_work}[backend](model)
    framework.wait(model)
    begun = time.perf_counter()
    dispatch()
    dispatched = time.perf_counter()
    framework.wait(model)
    print(json.dumps({"dispatch": dispatched - begun, "wait": time.perf_counter() - dispatched}))


if __name__ == "__main__":
    main(sys.argv[1])
