"""bAbI's loader and its stand-in, whose stories come from a simulation."""

import io
import re
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasbench.config.composition import compose
from kerasbench.config.schema import DataConfig, DataSource
from kerasbench.data import babi, prepare
from kerasbench.data.stand_ins import stories
from kerasbench.terminal.errors import UserError
from tests.conftest import SHARED_DATA
from tests.data.conftest import Served

TASKS = ("qa1", "qa2")
real_data = pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="the real data are not on this machine")

EXAMPLE = """\
1 Mary moved to the bathroom.
2 John went to the hallway.
3 Where is Mary? \tbathroom\t1
4 Mary got the milk there.
5 Where is John? \thallway\t2
1 Sandra left.
2 Where is Sandra? \toffice\t1
"""


def _published(task: str, subset: str, part: str) -> str:
    (path,) = (SHARED_DATA / "tasks_1-20_v1-2" / subset).glob(f"{task}_*_{part}.txt")
    return path.read_text()


def test_a_sentence_falls_into_words_and_punctuation_marks() -> None:
    sentence = "Bob dropped the apple. Where is the apple?"  # the doctest of Keras' examples
    assert babi.tokenized(sentence) == ["Bob", "dropped", "the", "apple", ".", "Where", "is", "the", "apple", "?"]


def test_a_question_comes_with_all_of_its_story_so_far_and_without_earlier_questions() -> None:
    first, second, third = babi.parse(EXAMPLE, "example")
    assert " ".join(first.story) == "Mary moved to the bathroom . John went to the hallway ."
    assert first.question == ["Where", "is", "Mary", "?"]
    assert first.answer == "bathroom"
    assert " ".join(second.story).endswith("hallway . Mary got the milk there .")
    assert " ".join(third.story) == "Sandra left ."


@pytest.mark.parametrize("line", ["Mary moved.", "1", "", "2 Where is Mary? \tbathroom"])
def test_a_line_that_is_neither_sentence_nor_question_is_named(line: str) -> None:
    with pytest.raises(UserError, match=r"the-file, line 2, is neither"):
        babi.parse(f"1 Mary moved to the bathroom.\n{line}\n", "the-file")


def test_words_are_numbered_alphabetically_from_one_and_padded_in_front_with_zeros() -> None:
    train, test = babi.parse(EXAMPLE, "example")[:2], babi.parse(EXAMPLE, "example")[2:]
    arrays = babi.vectorised("example", train, test)
    words = ". ? John Mary Sandra Where bathroom got hallway is left milk moved office the there to went".split()
    assert arrays.classes == len(words) + 1
    assert arrays.inputs == ("story", "question")
    story = arrays.parts["test_story"][0]
    assert story.shape == (18,)  # the longest story is the second of train
    assert story.dtype == np.int32
    assert story[:-3].tolist() == [0] * 15
    assert [words[number - 1] for number in story[-3:]] == ["Sandra", "left", "."]
    assert words[arrays.parts["test_labels"][0] - 1] == "office"


def _answers(text: str) -> list[tuple[str | None, str]]:
    """Return, for each question, the answer that follows from the sentences and the answer in the file.

    It is independent of the simulation: it reads each sentence and tracks who is where and who holds what.
    """
    place: dict[str, str] = {}  # of a person, and of a thing that somebody put down
    holder: dict[str, str] = {}
    answers = []
    for line in text.splitlines():
        number, sentence = line.split(" ", 1)
        if number == "1":
            place, holder = {}, {}
        if asked := re.fullmatch(r"Where is (?:the )?(\w+)\? \t(\w+)\t[\d ]+", sentence):
            answers.append((place.get(holder.get(asked[1], asked[1])), asked[2]))
        elif walked := re.fullmatch(r"(\w+) (?:moved|journeyed|went|went back|travelled) to the (\w+)\.", sentence):
            assert place.get(walked[1]) != walked[2]
            place[walked[1]] = walked[2]
        elif got := re.fullmatch(r"(\w+) (?:picked up|got|grabbed|took) the (\w+) there\.", sentence):
            assert got[2] not in holder
            assert place.get(got[2]) is None or place.get(got[1]) in (None, place[got[2]])
            holder[got[2]] = got[1]
        else:
            put = re.fullmatch(r"(\w+) (?:left|discarded|dropped|put down) the (\w+)(?: there)?\.", sentence)
            assert put, sentence
            assert holder.pop(put[2]) == put[1]
            place.pop(put[2], None)
            if put[1] in place:
                place[put[2]] = place[put[1]]
    return answers


@real_data
@pytest.mark.parametrize("task", TASKS)
def test_the_reader_answers_the_published_questions_as_published(task: str) -> None:
    answers = _answers(_published(task, "en", "train"))
    assert len(answers) == 1_000
    assert all(read == given for read, given in answers)


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("part", "questions"), [("train", 1_000), ("train", 10_000), ("test", 1_000)])
def test_the_answers_of_the_simulation_are_right(task: str, part: str, questions: int) -> None:
    answers = _answers(stories.told(task, part, questions))
    assert len(answers) == questions
    assert all(read == given for read, given in answers)


def test_the_supporting_lines_of_the_simulation_tell_of_who_or_what_is_asked_about_and_of_the_answer() -> None:
    for task, facts in (("qa1", 1), ("qa2", 2)):
        lines: list[str] = []
        for line in stories.told(task, "train", 1_000).splitlines():
            number, sentence = line.split(" ", 1)
            lines = [sentence] if number == "1" else [*lines, sentence]
            assert int(number) == len(lines)
            if "\t" in sentence:
                question, answer, supporting = sentence.split("\t")
                told = [lines[int(support) - 1] for support in supporting.split()]
                assert len(set(told)) == facts
                assert question.split()[-1].strip("?") in told[0]
                assert answer in told[-1]


@pytest.mark.parametrize("task", TASKS)
def test_every_story_of_the_simulation_has_five_questions(task: str) -> None:
    told = stories.told(task, "test", 1_000)
    each = re.split(r"^1 ", told, flags=re.MULTILINE)[1:]
    assert [story.count("?") for story in each] == [5] * 200


@real_data
@pytest.mark.parametrize("task", TASKS)
def test_the_simulation_tells_stories_of_the_published_words_and_lengths(task: str) -> None:
    published = babi.parse(_published(task, "en", "train"), "published")
    told = babi.parse(stories.told(task, "train", 1_000), "told")
    published_mean, told_mean = (np.mean([len(one.story) for one in questions]) for questions in (published, told))
    assert told_mean == pytest.approx(published_mean, rel=0.1)
    published_words, told_words = ({word for one in questions for word in one.story} for questions in (published, told))
    assert told_words == published_words
    assert {one.answer for one in told} == {one.answer for one in published}


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("subset", "suffix", "count"), [("en", "", 1_000), ("en-10k", "_10k", 10_000)])
def test_the_stand_in_has_the_published_counts_and_another_name_and_is_the_same_on_every_call(
    task: str, subset: str, suffix: str, count: int, tmp_path: Path
) -> None:
    name = f"babi_{task}{suffix}"
    config = compose([f"data={name}", "data.source=embedded", f"data.cache={tmp_path}"]).data
    data, arrays = prepare(config), babi.embedded(task, subset)
    assert (config.name, data.name, data.inputs) == (name, f"{name}-stand-in", ("story", "question"))
    assert Path(data.path).name.startswith(f"{name}-")
    assert arrays.name == data.name
    assert arrays.classes == {"qa1": 22, "qa2": 36}[task]
    assert len(arrays.parts["train_story"]) == len(arrays.parts["train_labels"]) == count
    assert len(arrays.parts["test_question"]) == 1_000
    assert data.digest == arrays.digest()


@pytest.mark.slow
def test_train_and_test_are_told_apart() -> None:
    train = {(*one.story, *one.question) for one in babi.parse(stories.told("qa2", "train", 10_000), "train")}
    test = [(*one.story, *one.question) for one in babi.parse(stories.told("qa2", "test", 1_000), "test")]
    assert sum(one in train for one in test) < 10  # very short stories may agree by chance


@pytest.mark.slow
@real_data
@pytest.mark.parametrize(
    ("task", "subset", "name", "count", "classes", "longest_story", "longest_question"),
    [
        ("qa1", "en", "babi_qa1", 1_000, 22, 66, 4),
        ("qa1", "en-10k", "babi_qa1_10k", 10_000, 22, 68, 4),  # 22, 68, 4: the sizes that Keras' babi_memnn.py prints
        ("qa2", "en", "babi_qa2", 1_000, 36, 552, 5),  # 36, 552, 5: the sizes that Keras' babi_rnn.py prints
        ("qa2", "en-10k", "babi_qa2_10k", 10_000, 36, 552, 5),
    ],
)
def test_real_babi_has_the_sizes_that_keras_examples_print(
    task: Any,
    subset: Any,
    name: str,
    count: int,
    classes: int,
    longest_story: int,
    longest_question: int,
    tmp_path: Path,
) -> None:
    arrays = babi.real(SHARED_DATA, tmp_path, task, subset)
    assert (arrays.name, arrays.classes) == (name, classes)
    assert arrays.parts["train_story"].shape == (count, longest_story)
    assert arrays.parts["test_question"].shape == (1_000, longest_question)
    assert {part: array.dtype for part, array in arrays.parts.items()} == dict.fromkeys(arrays.parts, np.int32)


@real_data
@pytest.mark.parametrize("name", ["tasks_1-20_v1-2.tar.gz", "babi-tasks-v1-2.tar.gz"])
@pytest.mark.parametrize("place", ["root", "cache"])
def test_the_archive_serves_as_well_as_the_folder(name: str, place: str, tmp_path: Path) -> None:
    for folder in ("root", "cache"):
        (tmp_path / folder).mkdir()
    with tarfile.open(tmp_path / place / name, "w:gz") as archive:
        archive.add(SHARED_DATA / "tasks_1-20_v1-2" / "en", "tasks_1-20_v1-2/en")
    packed = babi.real(tmp_path / "root", tmp_path / "cache", "qa1", "en")
    assert packed.digest() == babi.real(SHARED_DATA / "tasks_1-20_v1-2", tmp_path, "qa1", "en").digest()


@real_data
def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    for path in (SHARED_DATA / "tasks_1-20_v1-2" / "en").glob("qa1_*"):
        (tmp_path / "en" / path.name).write_text(path.read_text().replace("Mary", "Anna"))
    with pytest.raises(UserError, match=r"qa1_single-supporting-fact_train.txt is damaged: its sha256 is"):
        babi.real(tmp_path, tmp_path / "cache", "qa1", "en")


@real_data
def test_babis_archive_is_downloaded_checked_and_read(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(tmp_path / "published.tar.gz", "w:gz") as archive:
        archive.add(SHARED_DATA / "tasks_1-20_v1-2" / "en", "tasks_1-20_v1-2/en")
    monkeypatch.setattr(babi, "_ARCHIVE", served.file(tmp_path / "published.tar.gz"))
    cache = tmp_path / "cache"
    assert babi.real(None, cache, "qa1", "en").digest() == babi.real(SHARED_DATA, cache, "qa1", "en").digest()


def test_an_archive_without_the_task_is_named(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "tasks_1-20_v1-2.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../tasks_1-20_v1-2/en/qa1_single-supporting-fact_train.txt"), io.BytesIO())
    with pytest.raises(UserError, match=r"tasks_1-20_v1-2.tar.gz does not hold tasks_1-20_v1-2/en/qa1_single"):
        babi.real(tmp_path, tmp_path / "cache", "qa1", "en")


@pytest.mark.parametrize(("task", "subset", "key"), [("qa3", "en", "task=qa3"), ("qa1", "hn", "subset=hn")])
def test_a_task_or_subset_that_is_not_here_is_named(task: Any, subset: Any, key: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"data.options.{key} is none of"):
        babi.real(None, tmp_path, task, subset)
    with pytest.raises(UserError, match=rf"data.options.{key} is none of"):
        babi.embedded(task, subset)


def test_an_option_changed_on_the_command_line_does_not_find_what_was_prepared_without_it(tmp_path: Path) -> None:
    overrides = ["data=babi_qa1", "data.source=embedded", f"data.cache={tmp_path}"]
    assert prepare(compose(overrides).data).name == "babi_qa1-stand-in"
    assert prepare(compose([*overrides, "data.options.task=qa2"]).data).name == "babi_qa2-stand-in"


def test_offline_auto_trains_on_the_stand_in_and_says_so_while_real_is_an_error(offline: None, tmp_path: Path) -> None:
    options = {"task": "qa1", "subset": "en"}
    config = DataConfig(name="babi_qa1", loader="babi", options=options, cache=str(tmp_path))
    data = prepare(config)
    assert (data.name, data.source, data.train_examples) == ("babi_qa1-stand-in", "embedded", 1_000)
    assert "real babi_qa1 was not found" in data.note
    config.source = DataSource.real
    with pytest.raises(UserError, match=r"data.source=real, and babi_qa1 is neither in"):
        prepare(config)
