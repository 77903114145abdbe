"""When two facts are one, and when one takes the place of another."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from xy_core.modules.memory.types import FactDraft

_LETTERS = re.compile(r"\w+")
_MAX_TOPIC = 60


@dataclass(frozen=True, slots=True)
class KnownFact:
    """A fact that holds, as far as a comparison needs it."""

    id: int
    folded: str
    topic: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a new fact means for those that are known.

    Attributes:
        confirms: the id of the fact that says the same, if there is one.
        supersedes: ids of facts that hold no more.
    """

    confirms: int | None
    supersedes: tuple[int, ...] = ()


def judge(draft: FactDraft, known: Iterable[KnownFact]) -> Verdict:
    """Compare a new fact with those that hold.

    The same words say the same. Of a topic that allows one fact only, the newest holds.
    """
    folded, about = fold(draft.text), topic(draft.topic)
    others = list(known)
    same = next((fact.id for fact in others if fact.folded == folded), None)
    rivals = draft.single and about
    return Verdict(
        same,
        tuple(fact.id for fact in others if rivals and fact.topic == about and fact.id != same),
    )


def fold(text: str) -> str:
    """Return a text's words alone, so that case and punctuation make no difference."""
    return " ".join(_LETTERS.findall(text.casefold()))


def topic(name: str) -> str:
    """Return a topic's name in one spelling."""
    return fold(name)[:_MAX_TOPIC]


def more_confident(one: float, other: float) -> float:
    """Return how sure a fact is that was said twice, as two independent witnesses would make it."""
    return 1.0 - (1.0 - one) * (1.0 - other)
