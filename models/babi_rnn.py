"""The question-answering network of Keras 2.0's examples/babi_rnn.py, where the question is added to every word.

Facebook's bAbI tasks: Weston et al., arXiv:1502.05698.
"""

from typing import Any, List, Tuple

from keras.layers import LSTM, Dense, Dropout, Embedding, Input, RepeatVector, add
from keras.models import Model


def build(
    input_shapes: List[Tuple[int, ...]], classes: int, embedding_units: int, lstm_units: int, dropout: float
) -> Any:
    """Return the model: story (words,), question (words,) -> probabilities of each word as the answer (classes,).

    `embedding_units` and `lstm_units` must be equal, because the question's encoding is added to the story's embedding.
    """
    story_shape, question_shape = input_shapes
    story = Input(shape=story_shape, dtype="int32", name="story")
    question = Input(shape=question_shape, dtype="int32", name="question")

    def embedded(words: Any, name: str) -> Any:
        x = Embedding(classes, embedding_units, name=name + "_embedding")(words)
        return Dropout(dropout, name=name + "_dropout")(x) if dropout else x

    def lstm(name: str) -> Any:
        # The recurrent activation's default differs between Keras versions.
        return LSTM(lstm_units, activation="tanh", recurrent_activation="sigmoid", name=name)

    asked = lstm("question_lstm")(embedded(question, "question"))
    asked = RepeatVector(story_shape[0], name="question_repeated")(asked)
    x = add([embedded(story, "story"), asked], name="story_and_question")
    x = lstm("answer_lstm")(x)
    if dropout:
        x = Dropout(dropout, name="answer_dropout")(x)
    probabilities = Dense(classes, activation="softmax", dtype="float32", name="probabilities")(x)
    return Model(inputs=[story, question], outputs=probabilities, name="babi_rnn")
