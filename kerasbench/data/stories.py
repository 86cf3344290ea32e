"""bAbI's stand-in: a small world in which people walk about and carry things, told in bAbI's sentences.

The people, places, things and sentences are those of tasks 1 and 2 (Weston et al., https://arxiv.org/abs/1502.05698);
how often each is told, and when a question is asked, was counted in the published files.
"""

from collections.abc import Callable
from random import Random

ACTORS = ("Mary", "John", "Daniel", "Sandra")
PLACES = ("bathroom", "bedroom", "garden", "hallway", "kitchen", "office")
THINGS = ("apple", "football", "milk")
QUESTIONS = 5  # in a story
_MOVED = ("moved to", "journeyed to", "went back to", "travelled to", "went to")
_GOT = ("picked up", "got", "grabbed", "took")
_DROPPED = ("left", "discarded", "dropped", "put down")
_MOVES = 0.63  # how often somebody walks where somebody could get or drop something instead
_DROPPED_THERE = 0.2  # how often "dropped the milk" goes on with "there"
_ASKED_LYING, _ASKED_CARRIED = 0.8, 0.65  # how often a thing is asked about, whose place is known


class _Story:
    """A story's lines, and what a reader of them knows by now.

    Attributes:
        lines: numbered from 1, as in the published files.
        seen_at: the last line that tells of a person's walk, and whither.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self.lines: list[str] = []
        self.seen_at: dict[str, tuple[int, str]] = {}
        self._at = {actor: random.choice(PLACES) for actor in ACTORS}  # nobody is told where they start

    def tell(self, sentence: str) -> int:
        """Add a sentence or a question, and return its number."""
        self.lines.append(f"{len(self.lines) + 1} {sentence}")
        return len(self.lines)

    def ask(self, what: str, answer: str, *supporting: int) -> None:
        self.tell(f"Where is {what}? \t{answer}\t{' '.join(map(str, supporting))}")

    def at(self, actor: str) -> str:
        """Return where the actor is in truth, known to the reader or not."""
        return self._at[actor]

    def walk(self) -> str:
        """Let somebody walk to another place, and return who."""
        actor = self.random.choice(ACTORS)
        place = self.random.choice([place for place in PLACES if place != self._at[actor]])
        self._at[actor] = place
        self.seen_at[actor] = self.tell(f"{actor} {self.random.choice(_MOVED)} the {place}."), place
        return actor


def _where_is_actor(random: Random) -> list[str]:
    """Return the lines of a story of task 1: two walks, a question after a person, five times."""
    story = _Story(random)
    for _ in range(QUESTIONS):
        story.walk()
        story.walk()
        actor = random.choice(list(story.seen_at))
        line, place = story.seen_at[actor]
        story.ask(actor, place, line)
    return story.lines


class _ThingsStory(_Story):
    """A story with things in it.

    Attributes:
        answers: the place and the two supporting lines of each thing that may be asked about: one that was put down by
            somebody whose walk thither was told, or is carried by somebody who was told to walk since.
    """

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.answers: dict[str, tuple[str, int, int]] = {}
        self._lying = {thing: random.choice(PLACES) for thing in THINGS}
        self._carried: dict[str, tuple[str, int]] = {}  # by whom, and the line that told of it

    def go_on(self) -> None:
        """Tell of one more thing that somebody does."""
        gets = [(actor, thing) for actor in ACTORS for thing, place in self._lying.items() if place == self.at(actor)]
        drops = [(actor, thing) for thing, (actor, _) in self._carried.items()]
        if self.random.random() < _MOVES or not gets + drops:
            self._walk_with_things()
            return
        actor, thing = self.random.choice(gets + drops)
        if thing in self._carried:
            self._drop(actor, thing)
        else:
            self._get(actor, thing)

    def _walk_with_things(self) -> None:
        actor = self.walk()
        line, place = self.seen_at[actor]
        for thing, (carrier, got) in self._carried.items():
            if carrier == actor:
                self.answers[thing] = place, got, line

    def _get(self, actor: str, thing: str) -> None:
        del self._lying[thing]
        self._carried[thing] = actor, self.tell(f"{actor} {self.random.choice(_GOT)} the {thing} there.")
        self.answers.pop(thing, None)  # one fact would do for an answer, until the actor walks on

    def _drop(self, actor: str, thing: str) -> None:
        del self._carried[thing]
        self._lying[thing] = self.at(actor)
        there = " there" if self.random.random() < _DROPPED_THERE else ""
        line = self.tell(f"{actor} {self.random.choice(_DROPPED)} the {thing}{there}.")
        if actor in self.seen_at:
            walked, place = self.seen_at[actor]
            self.answers[thing] = place, line, walked

    def askable(self) -> list[str]:
        """Return the things that are asked about now, if any is."""
        return [
            thing
            for thing in self.answers
            if self.random.random() < (_ASKED_CARRIED if thing in self._carried else _ASKED_LYING)
        ]


def _where_is_thing(random: Random) -> list[str]:
    """Return the lines of a story of task 2: two sentences, and a question if a thing's place is known, until five."""
    story = _ThingsStory(random)
    asked = 0
    while asked < QUESTIONS:
        story.go_on()
        story.go_on()
        askable = story.askable()
        if askable:
            thing = random.choice(askable)
            story.ask(f"the {thing}", *story.answers[thing])
            asked += 1
    return story.lines


_STORY: dict[str, Callable[[Random], list[str]]] = {"qa1": _where_is_actor, "qa2": _where_is_thing}


def told(task: str, part: str, questions: int) -> str:
    """Return a file of stories in bAbI's format, as `kerasbench.data.babi.parse` describes it.

    Args:
        task: "qa1" or "qa2".
        part: "train" or "test"; each has a random stream of its own.
        questions: how many there are, a multiple of five.
    """
    random = Random(f"{task} {part} {questions}")
    lines = [line for _ in range(questions // QUESTIONS) for line in _STORY[task](random)]
    return "".join(f"{line}\n" for line in lines)
