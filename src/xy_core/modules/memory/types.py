"""What the memory module keeps and gives back."""

from __future__ import annotations

from dataclasses import dataclass

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
class Recalled:
    """A memory that bears on a query.

    Attributes:
        memory: what is remembered.
        score: by reciprocal-rank fusion; it orders the results of one query, and its size means
            nothing beyond that.
    """

    memory: Memory
    score: float
