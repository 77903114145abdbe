"""The questions by which memory is judged: what is to be found, and what lies near it.

Five kinds, in English and Chinese, each written down before any ranking was tried on it:

- ``plain``: a memory and a question as people ask it; some words are the same (60).
- ``paraphrase``: a memory and a question that share no telling word, and beside it a sentence that
  has the question's words and answers nothing (48). Where another memory tells the same in the
  other language, either is an answer; this alone was added after a first run.
- ``exact``: twelve sentences that differ in a name and a number only, of which three are asked for
  by the name (72 of 24 such series). They mean almost the same, so only the letters tell.
- ``passing``: a detail told in passing in a message about other things, asked for by the name, the
  number or the place it came with (20).
- ``keyword``: a name, a product, a code or a date by itself, as people type it into a search (28).

Everything lies among sentences about other things (`others`). Of the first three kinds every other
question of each kind and language was for choosing the ranking's constants; the benchmark reports
the rest. The last two are people's questions that the first lacked; they chose nothing, and all are
reported. `recall@5 of the first kinds` leaves them out.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.resources import files

FIRST_KINDS = ("plain", "paraphrase", "exact")
"""Kinds of which one half chose constants."""
_ASKED = (1, 5, 9)
"""Places in a series that are asked for."""

_WHO = ("My neighbour", "A colleague", "The mayor", "Our teacher", "An old friend", "The plumber")
_DID = ("repaired", "painted", "bought", "sold", "cleaned", "photographed", "forgot", "described")
_WHAT = (
    "the red bicycle",
    "a wooden table",
    "the broken window",
    "two tickets",
    "a heavy suitcase",
    "the garden fence",
    "a map of the city",
    "the kitchen clock",
    "an umbrella",
    "a violin",
)
_WHEN = ("this morning", "on Monday", "after lunch", "before the storm", "last night", "at noon")
_PEOPLE = ("邻居", "同事", "市长", "老师", "老朋友", "水管工")
_DEEDS = ("修好了", "刷了", "买了", "卖掉了", "擦干净了", "拍下了", "忘了", "提到了")
_THINGS = (
    "红色自行车",
    "一张木桌",
    "破窗户",
    "两张门票",
    "重箱子",
    "篱笆",
    "城市地图",
    "厨房的钟",
    "雨伞",
    "旧风扇",
)
_TIMES = ("今天早上", "星期一", "午饭后", "暴雨前", "昨天晚上", "中午")


@dataclass(frozen=True, slots=True)
class Question:
    """A memory, and a question that it answers.

    Attributes:
        language: of both.
        kind: see above.
        memory: what is to be found.
        question: what is asked.
        same: the memory that tells the same in another language; empty if there is none.
    """

    language: str
    kind: str
    memory: str
    question: str
    same: str = ""

    def answered(self, texts: Collection[str]) -> bool:
        """Say whether the answer is among those texts."""
        return self.memory in texts or (self.same != "" and self.same in texts)


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """All questions, and the sentences that lie near what they look for."""

    questions: tuple[Question, ...]
    near: tuple[str, ...]

    def half(self, *, reported: bool) -> list[int]:
        """Return the places of those that are reported, or of those that chose constants.

        Of the first kinds it is every other of a kind and language, of later ones all or none.
        """
        seen: dict[tuple[str, str], int] = {}
        chosen = []
        for place, one in enumerate(self.questions):
            number = seen[one.language, one.kind] = seen.get((one.language, one.kind), 0) + 1
            told = number % 2 == 0 or one.kind not in FIRST_KINDS
            if told == reported:
                chosen.append(place)
        return chosen


def read_questions() -> QuestionSet:
    """Return the bundled set."""
    folder = files("xy_core.bench")
    questions: list[Question] = []
    near: list[str] = []
    for name in ("memory.tsv", "memory_details.tsv"):
        add_pairs(folder.joinpath(name).read_text("utf-8"), questions, near)
    for line in folder.joinpath("memory_series.tsv").read_text("utf-8").splitlines():
        language, sentence, question, names, values = line.split("\t")
        for place, (who, what) in enumerate(zip(names.split("|"), values.split("|"), strict=True)):
            memory = sentence.format(who=who, what=what)
            if place in _ASKED:
                asked = question.format(who=who, what=what)
                questions.append(Question(language, "exact", memory, asked))
            else:
                near.append(memory)
    return QuestionSet(tuple(questions), tuple(near))


def add_pairs(table: str, questions: list[Question], near: list[str]) -> None:
    """Add the questions of a table: language, kind, memory, question, what lies near, the same."""
    for line in table.splitlines():
        language, kind, memory, question, beside, same = (*line.split("\t"), "", "")[:6]
        questions.append(Question(language, kind, memory, question, same))
        near += [beside] if beside else []


def others() -> Iterator[str]:
    """Yield sentences about other things, English and Chinese in turn, each a little different.

    After some 5,760 they come again with another number.
    """
    english = itertools.product(range(1, 10_000), _WHEN, _WHAT, _DID, _WHO)
    chinese = itertools.product(range(1, 10_000), _TIMES, _THINGS, _DEEDS, _PEOPLE)
    for (number, when, what, did, who), told in zip(english, chinese, strict=True):
        yield f"{who} {did} {what} {when} for {number} coins."
        yield f"{told[4]}{told[1]}{told[3]}{told[2]}，花了{told[0]}块钱。"
