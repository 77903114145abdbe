"""What every engine that keeps memories can do."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar, Protocol

from xy_core.core.task import TaskType
from xy_core.modules.memory.query import Filter, Query, Span, Vectors
from xy_core.modules.memory.types import (
    Lesson,
    Memory,
    MoodPoint,
    PersonSummary,
    Recalled,
    Retention,
)


class Store(Protocol):
    """Keeps memories; all methods block, and any thread may call them.

    No method ever gives or changes memories of another person than the one it is asked for.

    Attributes:
        lane: where its calls run: ``CPU_BOUND`` if they compute, ``DEFAULT`` if they wait for a
            server.
        place: where the memories are, for messages; without passwords.

    Raises:
        BackendError: from every method, when the engine fails (the disk is full, say); then
            nothing of that call was written.
    """

    lane: ClassVar[TaskType]
    place: str

    def add(self, memories: Sequence[Memory], moods: Sequence[MoodPoint] = ()) -> None:
        """Write all or none, and let a person's oldest turns go when there are too many."""

    def learn(self, lesson: Lesson) -> list[Memory]:
        """Take facts in; returns those that are new.

        One that is known is confirmed. One that contradicts another supersedes it.
        """

    def recent(self, person: str, limit: int) -> list[Memory]:
        """Return the newest turns, oldest first."""

    def search(self, person: str, query: Query) -> list[Recalled]:
        """Return memories that share words or meaning with the query, best first."""

    def entries(self, person: str, which: Filter) -> list[Memory]:
        """Return a person's memories, newest first."""

    def entry(self, person: str, memory_id: int) -> Memory | None:
        """Return one memory, if it is this person's."""

    def history(self, person: str, fact_id: int) -> list[Memory]:
        """Return a fact and those that it superseded, newest first."""

    def people(self) -> list[PersonSummary]:
        """Return all persons of whom something is remembered, by name."""

    def moods(self, person: str, span: Span, *, limit: int, crisis: bool) -> list[MoodPoint]:
        """Return a person's newest moods of a span of time, oldest first; or only of crises."""

    def forget(self, person: str) -> int:
        """Delete everything of a person for good; returns how many memories it was."""

    def forget_items(self, person: str, ids: Collection[int]) -> int:
        """Delete memories for good, with the facts that were taken from them.

        A fact goes with its history. Returns how many memories it was.
        """

    def forget_span(self, person: str, span: Span) -> int:
        """Delete a span of time for good: memories (as `forget_items` does) and moods."""

    def forget_moods(self, person: str, span: Span) -> int:
        """Delete a person's moods of a span of time for good; returns how many."""

    def retain(self, person: str, policy: Retention, now: float) -> int:
        """Delete what a policy does not keep; returns how many memories it was."""

    def restore(self, memories: Sequence[Memory], moods: Sequence[MoodPoint]) -> int:
        """Write what was exported, and pass over what is already there.

        Args:
            memories: their ids, and those that facts refer to, hold among themselves only.
            moods: points of the timeline.

        Returns:
            How many memories and moods were new.
        """

    def use_embedder(self, model: str) -> None:
        """Say whose vectors will be set; those of another model are dropped, to be made anew."""

    def without_vector(self, limit: int, *, english_only: bool = True) -> list[tuple[int, str]]:
        """Return ids and texts of memories that wait to be embedded, oldest first."""

    def set_vectors(self, ids: Sequence[int], vectors: Vectors) -> None:
        """Attach one vector to each memory; those forgotten meanwhile are passed over."""

    def close(self) -> None:
        """Let go of the engine; further calls fail."""
