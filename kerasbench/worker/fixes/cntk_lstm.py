"""CNTK under Keras 2.2.4 to 2.3.1: an LSTM outputs its cell state instead of its hidden state.

`rnn` in keras/backend/cntk_backend.py returns the last of the new states as the layer's output (`new_output =
n_s[-1]`); Keras' contract is that the first state is the output. An LSTM's states are (hidden, cell): the output lacks
the output gate and the last tanh, and can leave [-1, 1]. Found by comparing the losses of both LSTM models, which
differ from the first step. (SimpleRNN and GRU have one state and are correct.)

The fix passes the states to `rnn` in reverse order and reverses the result: the last state is then Keras' first.
"""

from typing import Any, List, Sequence, Tuple

from keras import backend


def apply() -> None:
    """Replace `keras.backend.rnn`, which every recurrent layer calls."""
    cntk_rnn = backend.rnn

    def rnn(step_function: Any, inputs: Any, initial_states: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
        count = len(initial_states)

        def step(x: Any, states: Sequence[Any]) -> Tuple[Any, List[Any]]:
            states = list(states)  # the states, then the constants
            output, new_states = step_function(x, states[:count][::-1] + states[count:])
            return output, list(new_states)[::-1]

        last_output, outputs, states = cntk_rnn(step, inputs, list(initial_states)[::-1], *args, **kwargs)
        return last_output, outputs, list(states)[::-1]

    backend.rnn = rnn
