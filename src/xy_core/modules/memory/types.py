"""What the memory module keeps and gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

FACT = "fact"
"""The role of a long-term fact; turns bear the role of their speaker."""
FORMER = "former"
"""The role of a fact that another one has superseded: kept as history, never recalled."""
ROLES = ("user", "assistant", FACT, FORMER)


@dataclass(frozen=True, slots=True)
class FactDetails:
    """What is known of a fact beside its words.

    Attributes:
        topic: what it is about, such as ``home``; empty if that was not said.
        confidence: how sure it is, 0 to 1.
        speaker: who said it.
        source: the id of the turn that it was taken from, if it is still there.
        confirmed: when it was said last, in seconds since the epoch.
        superseded: when another fact took its place; None while it holds.
        successor: the id of that fact.
    """

    topic: str = ""
    confidence: float = 1.0
    speaker: str = "user"
    source: int | None = None
    confirmed: float = 0.0
    superseded: float | None = None
    successor: int | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """One thing that was said, or a fact that holds.

    Attributes:
        role: ``user`` or ``assistant`` for a turn, ``fact`` for a fact, ``former`` for one that
            holds no more.
        text: the words.
        person: whose memory it is.
        time: when it was taken in, in seconds since the epoch.
        emotion: what its speaker seemed to feel, if known.
        id: its number in the store; 0 while it is not stored.
        details: what else is known of a fact.
    """

    role: str
    text: str
    person: str
    time: float
    emotion: str | None = None
    id: int = field(default=0, compare=False)
    details: FactDetails | None = field(default=None, compare=False)

    def as_json(self) -> dict[str, Any]:
        """Return the memory with JSON's types only."""
        plain = asdict(self)
        if self.details is None:
            del plain["details"]
        return plain


@dataclass(frozen=True, slots=True)
class FactDraft:
    """A fact as an extractor found it in a conversation.

    Attributes:
        text: one sentence that holds without its conversation, such as "Lin lives in Chengdu".
        topic: what it is about, such as ``home``; empty if nothing can contradict it.
        single: whether only one fact of this topic can hold, so that it supersedes an earlier one
            (one has one home, but may like many things).
        confidence: how sure it is, 0 to 1.
    """

    text: str
    topic: str = ""
    single: bool = True
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Lesson:
    """Facts that were learned from one turn.

    Attributes:
        person: whose they are.
        facts: what was found.
        time: in seconds since the epoch.
        speaker: who said it.
        source: the id of the turn, if there is one.
        emotion: what the speaker seemed to feel.
    """

    person: str
    facts: Sequence[FactDraft]
    time: float
    speaker: str = "user"
    source: int | None = None
    emotion: str | None = None


@dataclass(frozen=True, slots=True)
class PersonSummary:
    """How much is remembered of a person.

    Attributes:
        person: the name.
        turns: messages of both sides.
        facts: those that hold.
        moods: points of the timeline.
        last: when the newest memory was taken in, in seconds since the epoch.
    """

    person: str
    turns: int
    facts: int
    moods: int
    last: float


@dataclass(frozen=True, slots=True)
class Retention:
    """How long memories are kept.

    Attributes:
        seconds: the age at which turns and moods go; None keeps them.
        turns: how many of a person's turns stay, the newest.
        facts: how many of a person's facts stay, those confirmed last; former ones count too.
    """

    seconds: float | None = None
    turns: int | None = None
    facts: int | None = None


@dataclass(frozen=True, slots=True)
class MoodPoint:
    """A person's mood at one moment.

    Attributes:
        person: whose it was.
        time: in seconds since the epoch.
        emotion: what was read at that moment.
        intensity: how strongly it showed, 0 to 1.
        valence: of the mood that it led to, -1 to 1.
        arousal: the same, -1 to 1.
        mood: how much of each emotion the mood then held.
        sources: what it was read from, such as ``text`` and ``voice``.
        topic: what was said, in short.
        crisis: whether there was a sign of self-harm.
    """

    person: str
    time: float
    emotion: str
    intensity: float
    valence: float
    arousal: float
    mood: Mapping[str, float]
    sources: tuple[str, ...] = ()
    topic: str = ""
    crisis: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the point with JSON's types only."""
        return {
            "time": self.time,
            "emotion": self.emotion,
            "intensity": round(self.intensity, 4),
            "valence": round(self.valence, 4),
            "arousal": round(self.arousal, 4),
            "mood": {emotion: round(share, 4) for emotion, share in self.mood.items()},
            "sources": list(self.sources),
            "topic": self.topic,
            "crisis": self.crisis,
        }


@dataclass(frozen=True, slots=True)
class Recalled:
    """A memory that bears on a query.

    Attributes:
        memory: what is remembered.
        score: by reciprocal-rank fusion; it orders the results of one query, and its size means
            nothing beyond that.
    """

    memory: Memory
    score: float
