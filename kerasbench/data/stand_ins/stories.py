"""bAbI's stand-in: a simulation of people who walk about and carry things, written in bAbI's sentences.

The people, places, things and sentences are those of tasks 1 and 2 (Weston et al., https://arxiv.org/abs/1502.05698).
The frequencies of sentences and questions were counted in the published files.
"""

from collections.abc import Callable
from random import Random

ACTORS = ("Mary", "John", "Daniel", "Sandra")
PLACES = ("bathroom", "bedroom", "garden", "hallway", "kitchen", "office")
THINGS = ("apple", "football", "milk")
QUESTIONS = 5  # per story
_MOVED = ("moved to", "journeyed to", "went back to", "travelled to", "went to")
_GOT = ("picked up", "got", "grabbed", "took")
_DROPPED = ("left", "discarded", "dropped", "put down")
_MOVES = 0.63  # probability of a walk where somebody could get or drop something instead
_DROPPED_THERE = 0.2  # probability that "dropped the milk" ends in "there"
_ASKED_LYING, _ASKED_CARRIED = 0.8, 0.65  # probability of a question about a thing whose place is known


class _Story:
    """A story's lines, and what a reader knows so far.

    Attributes:
        lines: numbered from 1, as in the published files.
        seen_at: for each person, the line of the last known walk and its destination.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self.lines: list[str] = []
        self.seen_at: dict[str, tuple[int, str]] = {}
        self._at = {actor: random.choice(PLACES) for actor in ACTORS}  # the reader does not know it

    def tell(self, sentence: str) -> int:
        """Add a sentence or a question, and return its number."""
        self.lines.append(f"{len(self.lines) + 1} {sentence}")
        return len(self.lines)

    def ask(self, what: str, answer: str, *supporting: int) -> None:
        self.tell(f"Where is {what}? \t{answer}\t{' '.join(map(str, supporting))}")

    def at(self, actor: str) -> str:
        """Return the actor's actual place, which the reader may not know."""
        return self._at[actor]

    def walk(self) -> str:
        """Move a random person to another place, and return the person."""
        actor = self.random.choice(ACTORS)
        place = self.random.choice([place for place in PLACES if place != self._at[actor]])
        self._at[actor] = place
        self.seen_at[actor] = self.tell(f"{actor} {self.random.choice(_MOVED)} the {place}."), place
        return actor


def _where_is_actor(random: Random) -> list[str]:
    """Return the lines of a story of task 1: two walks and a question about a person, five times."""
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
        answers: the place and the two supporting lines of each thing that may be asked about. Somebody whose walk to
            that place is known dropped it there, or somebody has carried it on a known walk.
    """

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.answers: dict[str, tuple[str, int, int]] = {}
        self._lying = {thing: random.choice(PLACES) for thing in THINGS}
        self._carried: dict[str, tuple[str, int]] = {}  # the carrier, and the line that says so

    def go_on(self) -> None:
        """Add one action of a random person."""
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
        self.answers.pop(thing, None)  # a single line would give the answer, until the actor walks on

    def _drop(self, actor: str, thing: str) -> None:
        del self._carried[thing]
        self._lying[thing] = self.at(actor)
        there = " there" if self.random.random() < _DROPPED_THERE else ""
        line = self.tell(f"{actor} {self.random.choice(_DROPPED)} the {thing}{there}.")
        if actor in self.seen_at:
            walked, place = self.seen_at[actor]
            self.answers[thing] = place, line, walked

    def askable(self) -> list[str]:
        """Return a random selection of the things that may be asked about; may be empty."""
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
        part: "train" or "test"; each has its own random stream.
        questions: the number of questions, a multiple of five.
    """
    random = Random(f"{task} {part} {questions}")
    lines = [line for _ in range(questions // QUESTIONS) for line in _STORY[task](random)]
    return "".join(f"{line}\n" for line in lines)
