"""What the memory module keeps and gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FACT = "fact"
"""The role of a long-term fact; turns bear the role of their speaker."""


@dataclass(frozen=True, slots=True)
class Memory:
    """One thing that was said, or a fact that holds.

    Attributes:
        role: ``user`` or ``assistant`` for a turn, ``fact`` for a fact.
        text: the words.
        person: whose memory it is.
        time: when it was taken in, in seconds since the epoch.
        emotion: what its speaker seemed to feel, if known.
    """

    role: str
    text: str
    person: str
    time: float
    emotion: str | None = None


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
