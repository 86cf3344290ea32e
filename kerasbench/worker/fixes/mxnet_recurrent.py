"""keras-mxnet 2.2.4.3 on MXNet 1.5.1 to 1.9.1: SimpleRNN, GRU and LSTM output zeros unless they are unrolled.

`rnn` in keras/backend/mxnet_backend.py runs layers that are not unrolled through `mx.sym.contrib.foreach`, which
returns zeros for any input. The network trains fast and learns only its biases (this is how the defect was found: no
weight of the layer changes the loss). `unroll=True` exposes a second defect: `RNN.get_initial_state` sums the input
over two axes, MXNet cannot infer the resulting shape, and building fails on anything but an input layer.

The fix unrolls every layer and makes its initial state from the first time step: zeros of shape (batch, units).
"""

from typing import Any, List

import mxnet as mx
from keras import backend
from keras.backend.mxnet_backend import KerasSymbol, keras_mxnet_symbol
from keras.layers.recurrent import RNN


def apply() -> None:
    """Replace `keras.backend.rnn` and `RNN.get_initial_state`."""
    mxnet_rnn = backend.rnn

    def rnn(*args: Any, **kwargs: Any) -> Any:
        return mxnet_rnn(*args, **dict(kwargs, unroll=True))

    backend.rnn = rnn
    RNN.get_initial_state = _initial_state


def _initial_state(layer: Any, inputs: Any) -> List[Any]:
    sizes = layer.cell.state_size
    return [_zeros(inputs, size) for size in (sizes if hasattr(sizes, "__len__") else [sizes])]


@keras_mxnet_symbol  # builds the symbol twice, for training and for prediction
def _zeros(inputs: Any, units: int) -> Any:
    first_step = mx.sym.slice_axis(inputs.symbol, axis=1, begin=0, end=1)  # (batch, 1, features)
    zero = mx.sym.sum(mx.sym.zeros_like(first_step), axis=2)  # (batch, 1)
    return KerasSymbol(mx.sym.broadcast_axis(zero, axis=1, size=units))
