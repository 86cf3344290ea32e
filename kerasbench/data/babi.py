"""bAbI tasks 1 and 2 (https://arxiv.org/abs/1502.05698): questions about stories, prepared as in Keras 2's examples."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kerasbench.data.archives import Published
from kerasbench.data.arrays import Arrays
from kerasbench.data.download import RemoteFile
from kerasbench.data.stand_ins import stories
from kerasbench.terminal.errors import UserError

_TASKS = {"qa1": "qa1_single-supporting-fact", "qa2": "qa2_two-supporting-facts"}
_TRAIN_QUESTIONS = {"en": 1_000, "en-10k": 10_000}
_TEST_QUESTIONS = 1_000

# Keras' mirror (s3.amazonaws.com/text-datasets) packs the same files into another archive with another digest.
_ARCHIVE = RemoteFile(
    "tasks_1-20_v1-2.tar.gz",
    "sha256:0364ebde659f14d11bc21744516c5ec49d3d06cb692733f66680771244998898",
    ("http://www.thespermwhale.com/jaseweston/babi/tasks_1-20_v1-2.tar.gz",),
)
_NAMES = ("tasks_1-20_v1-2.tar.gz", "babi-tasks-v1-2.tar.gz", "babi_tasks_1-20_v1-2.tar.gz")
_DIGESTS = {  # of release 1.2; both folders hold the same test questions
    "en/qa1_train": "sha256:c64ba9b1a49bbb111ffc4cd2ae4f129d25c012399dd7ade9679eea464b9afb05",
    "en/qa1_test": "sha256:55acf66cef2f6d798e2aa1d056e1ec8f24e910ea9215b639450574321132959b",
    "en/qa2_train": "sha256:a4978af5bc0dc30191810e7c9949aaa6eae939ed0f6beb9fcb5f4330c2a27860",
    "en/qa2_test": "sha256:eff93fb9cd81ba02eb765772cf7cc269769ed44ec71cbbbc19cfb16ee5eba0f6",
    "en-10k/qa1_train": "sha256:749ea9f7c99070feb2d88c975a254417a0dcc8274add4435ae5ae24c7afc7e9d",
    "en-10k/qa1_test": "sha256:55acf66cef2f6d798e2aa1d056e1ec8f24e910ea9215b639450574321132959b",
    "en-10k/qa2_train": "sha256:d4074c0c5d54f70ce2f538056ce2b6ef6a313da336da4245f1a24f1298e37ef3",
    "en-10k/qa2_test": "sha256:eff93fb9cd81ba02eb765772cf7cc269769ed44ec71cbbbc19cfb16ee5eba0f6",
}


class Question(NamedTuple):
    """A question and the story before it, both as words and punctuation marks, and the one-word answer."""

    story: Sequence[str]
    question: Sequence[str]
    answer: str


def real(root: Path | None, cache: Path, task: Literal["qa1", "qa2"], subset: Literal["en", "en-10k"]) -> Arrays:
    """Return a task of bAbI 1.2.

    Args:
        root: a folder with tasks_1-20_v1-2/, its content, or its archive.
        cache: the folder for downloads.
        task: "qa1" (single supporting fact) or "qa2" (two supporting facts).
        subset: "en" (1,000 training questions) or "en-10k" (10,000); 1,000 test questions in both.

    Raises:
        UserError: a file is damaged, or there is no such task or subset.
        DownloadError: the files are neither in `root` nor in the cache, and cannot be downloaded.
    """
    name = _name(task, subset)
    found = {content.member: content for content in _published(task, subset).contents(root, cache)}
    train, test = (found[member] for member in _members(task, subset))
    return vectorised(name, parse(train.content.decode(), train.where), parse(test.content.decode(), test.where))


def files(place: Path, task: str, subset: str) -> list[Path]:
    """Return the files that `real` would read from `place`, as its root or its cache."""
    return _published(task, subset).files(place)


HOLDS = "tasks_1-20_v1-2/ or tasks_1-20_v1-2.tar.gz"


def _members(task: str, subset: str) -> list[str]:
    """Return the paths of a task's training and test questions in the archive."""
    return [f"tasks_1-20_v1-2/{subset}/{_TASKS[task]}_{part}.txt" for part in ("train", "test")]


def _published(task: str, subset: str) -> Published:
    digests = (_DIGESTS[f"{subset}/{task}_{part}"] for part in ("train", "test"))
    return Published(_ARCHIVE, _NAMES, dict(zip(_members(task, subset), digests, strict=True)))


def embedded(task: str, subset: str) -> Arrays:
    """Return a task's simulated stand-in, as large as the real data set and identical on every call."""
    name = _name(task, subset)
    train = stories.told(task, "train", _TRAIN_QUESTIONS[subset])
    test = stories.told(task, "test", _TEST_QUESTIONS)
    return vectorised(f"{name}-stand-in", parse(train, "the simulation"), parse(test, "the simulation"))


def _name(task: str, subset: str) -> str:
    for key, value, choices in (("task", task, _TASKS), ("subset", subset, _TRAIN_QUESTIONS)):
        if value not in choices:
            raise UserError(f"data.options.{key}={value} is none of {', '.join(choices)}")
    return f"babi_{task}" + subset.removeprefix("en").replace("-", "_")


def tokenized(sentence: str) -> list[str]:
    """Return a sentence's words and punctuation marks.

    Follows Keras' examples/babi_rnn.py, whose own pattern splits differently since Python 3.7.
    """
    return [token.strip() for token in re.split(r"(\W+)", sentence) if token.strip()]


def parse(text: str, where: str) -> list[Question]:
    r"""Return the questions of a file in bAbI's format, each with the story before it.

    A line is "NUMBER SENTENCE" or "NUMBER QUESTION\tANSWER\tNUMBERS OF SUPPORTING SENTENCES"; number 1 starts a story.

    Args:
        text: the file's content.
        where: the file's name in error messages.

    Raises:
        UserError: a line has neither form.
    """
    questions = []
    story: list[str] = []
    for row, line in enumerate(text.splitlines(), start=1):
        number, _, sentence = line.strip().partition(" ")
        fields = sentence.split("\t")
        if not number.isdecimal() or not sentence or len(fields) not in (1, 3):
            raise UserError(f"{where}, line {row}, is neither a sentence nor a question of bAbI: {line[:80]!r}")
        if number == "1":
            story = []
        if len(fields) == 1:
            story = story + tokenized(sentence)  # a new list: the questions keep theirs
        else:
            questions.append(Question(story, tokenized(fields[0]), fields[1]))
    return questions


def vectorised(name: str, train: list[Question], test: list[Question]) -> Arrays:
    """Encode the questions as arrays of integers.

    Words are numbered from 1, in alphabetical order over both parts. Stories (n, longest story) and questions
    (n, longest question) are int32, left-padded with zeros. Labels are the answers' numbers, so class 0 never occurs.
    """
    both = train + test
    words = sorted({word for story, question, answer in both for word in (*story, *question, answer)})
    numbers = {word: number for number, word in enumerate(words, start=1)}
    longest_story = max(len(question.story) for question in both)
    longest_question = max(len(question.question) for question in both)
    parts = {}
    for part, questions in (("train", train), ("test", test)):
        parts[f"{part}_story"] = _padded([question.story for question in questions], numbers, longest_story)
        parts[f"{part}_question"] = _padded([question.question for question in questions], numbers, longest_question)
        parts[f"{part}_labels"] = np.array([numbers[question.answer] for question in questions], np.int32)
    return Arrays(name, ("story", "question"), len(words) + 1, parts)


def _padded(texts: list[Sequence[str]], numbers: dict[str, int], length: int) -> NDArray[np.int32]:
    padded = np.zeros((len(texts), length), np.int32)
    for row, text in zip(padded, texts, strict=True):
        row[length - len(text) :] = [numbers[word] for word in text]
    return padded
