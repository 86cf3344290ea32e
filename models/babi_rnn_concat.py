"""The question-answering network of Keras 2.3's examples/babi_rnn.py: two LSTMs encode story and question separately.

Facebook's bAbI tasks: Weston et al., arXiv:1502.05698.
"""

from typing import Any, List, Tuple

from keras.layers import LSTM, Dense, Embedding, Input, concatenate
from keras.models import Model


def build(input_shapes: List[Tuple[int, ...]], classes: int, embedding_units: int, lstm_units: int) -> Any:
    """Return the model: story (words,), question (words,) -> probabilities of each word as the answer (classes,)."""
    inputs, encoded = [], []
    for name, shape in zip(("story", "question"), input_shapes):
        words = Input(shape=shape, dtype="int32", name=name)
        x = Embedding(classes, embedding_units, name=name + "_embedding")(words)
        # The recurrent activation's default differs between Keras versions.
        x = LSTM(lstm_units, activation="tanh", recurrent_activation="sigmoid", name=name + "_lstm")(x)
        inputs.append(words)
        encoded.append(x)
    x = concatenate(encoded, name="story_and_question")
    probabilities = Dense(classes, activation="softmax", dtype="float32", name="probabilities")(x)
    return Model(inputs=inputs, outputs=probabilities, name="babi_rnn_concat")
