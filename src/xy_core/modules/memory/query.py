"""What is asked of a memory."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xy_core.modules.memory.types import ROLES

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time, in seconds since the epoch; the end is not included."""

    since: float = -math.inf
    until: float = math.inf


ALWAYS = Span()


@dataclass(frozen=True, slots=True)
class Filter:
    """Which memories are looked through, newest first.

    Attributes:
        roles: of `ROLES`; others have no memories.
        span: when they were taken in.
        limit: how many at most.
        before: the id of a memory: only those that come after it in this order.
    """

    roles: Collection[str] = ROLES
    span: Span = ALWAYS
    limit: int = 50
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for among one person's memories.

    Attributes:
        words: any text.
        vector: its meaning, float32 (dimensions,), of length 1, if it is known.
        emotion: of the speaker, if it is to count.
        limit: how many memories at most.
        skip_recent: newest turns that are left out, and so is what repeats their text.
        unlike: cosine of texts that have nothing in common.
        min_similarity: how far from there to 1 the cosine of a memory must lie to count as near.
    """

    words: str
    vector: Vectors | None = None
    emotion: str | None = None
    limit: int = 5
    skip_recent: int = 0
    unlike: float = 0.0
    min_similarity: float = 0.2

    @property
    def min_cosine(self) -> float:
        """The cosine from which a memory counts as near."""
        return self.unlike + (1.0 - self.unlike) * self.min_similarity
