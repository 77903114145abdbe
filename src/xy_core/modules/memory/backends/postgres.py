"""Memories in PostgreSQL with pgvector, for several programs that share one memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from xy_core.core.task import TaskType
from xy_core.modules.memory.backends import postgres_facts, postgres_forget
from xy_core.modules.memory.backends.moods import mood_point_of, mood_row
from xy_core.modules.memory.backends.postgres_connection import PostgresConnection
from xy_core.modules.memory.backends.postgres_search import as_vector, search
from xy_core.modules.memory.backends.rows import SELECT, memory_of
from xy_core.modules.memory.query import ALWAYS, Filter, Query, Span, Vectors
from xy_core.modules.memory.segment import Cut, pairs
from xy_core.modules.memory.types import (
    Lesson,
    Memory,
    MoodPoint,
    PersonSummary,
    Recalled,
    Retention,
)

_ENTRIES = f"""
    {SELECT} WHERE memory.person = %s AND memory.time >= %s AND memory.time < %s
        AND memory.id < %s AND memory.role = ANY(%s) ORDER BY memory.id DESC LIMIT %s"""
_ENTRY = f"{SELECT} WHERE memory.person = %s AND memory.id = %s"
_LAST = 2**63 - 1
_MOODS = """
    SELECT person, time, emotion, intensity, valence, arousal, mood, sources, topic, crisis
    FROM mood WHERE person = %s AND time >= %s AND time < %s AND crisis >= %s
    ORDER BY time DESC, id DESC LIMIT %s"""
_PEOPLE = """
    SELECT person, sum(turns)::int, sum(facts)::int, sum(moods)::int, max(last) FROM (
        SELECT person, count(*) FILTER (WHERE role IN ('user', 'assistant')) AS turns,
            count(*) FILTER (WHERE role = 'fact') AS facts, 0 AS moods, max(time) AS last
        FROM memory GROUP BY person
        UNION ALL SELECT person, 0, 0, count(*), max(time) FROM mood GROUP BY person) AS one
    GROUP BY person ORDER BY person"""
_TO_EMBED = """
    SELECT id, text FROM memory WHERE english >= %s AND vector IS NULL
        AND role IN ('user', 'fact') ORDER BY english, id LIMIT %s"""
_SET_VECTOR = "UPDATE memory SET vector = %s::vector WHERE id = %s AND role != 'former'"


class PostgresStore:
    """A PostgreSQL database; a `Store`.

    Vectors are compared exactly, so that no approximate index lets another person's memories crowd
    out one's own.

    Args:
        address: a libpq connection string or URL.
        max_turns: how many of a person's turns, and moods, stay.
        cut: how Chinese is cut in queries.
    """

    lane: ClassVar[TaskType] = TaskType.DEFAULT

    def __init__(self, address: str, *, max_turns: int, cut: Cut = pairs) -> None:
        """Connect, and create the tables if they are not there; see `PostgresConnection`."""
        self._database = PostgresConnection(address)
        self.place = self._database.place
        self._max_turns = max_turns
        self._cut = cut
        self._transaction = self._database.transaction

    # -- write -------------------------------------------------------------------------------

    def add(self, memories: Sequence[Memory], moods: Sequence[MoodPoint] = ()) -> None:
        """Write all or none, and let a person's oldest turns go when there are too many."""
        policy = Retention(turns=self._max_turns)
        with self._transaction() as connection:
            for point in moods:
                connection.execute(postgres_facts.INSERT_MOOD, mood_row(point))
            for person in {point.person for point in moods}:
                postgres_forget.surplus_moods(connection, person, self._max_turns)
            for memory in memories:
                postgres_facts.insert(connection, memory)
            for person in {memory.person for memory in memories}:
                gone = postgres_forget.surplus(connection, person, policy, 0.0)
                postgres_forget.delete(connection, gone)

    def learn(self, lesson: Lesson) -> list[Memory]:
        """Take facts in; returns those that are new (see `Store.learn`)."""
        with self._transaction() as connection:
            learned = [postgres_facts.learn(connection, lesson, draft) for draft in lesson.facts]
        return [fact for fact in learned if fact is not None]

    def restore(self, memories: Sequence[Memory], moods: Sequence[MoodPoint]) -> int:
        """Write what was exported, and pass over what is already there (see `Store.restore`)."""
        with self._transaction() as connection:
            return postgres_facts.restore(connection, memories, moods)

    # -- read --------------------------------------------------------------------------------

    def recent(self, person: str, limit: int) -> list[Memory]:
        """Return the newest turns, oldest first."""
        return self.entries(person, Filter(("user", "assistant"), limit=limit))[::-1]

    def search(self, person: str, query: Query) -> list[Recalled]:
        """Return memories that share words or meaning with the query (see `Store.search`)."""
        with self._transaction() as connection:
            return search(connection, person, query, self._cut)

    def entries(self, person: str, which: Filter) -> list[Memory]:
        """Return a person's memories, newest first."""
        span, before = which.span, which.before or _LAST
        given = (person, span.since, span.until, before, list(which.roles), which.limit)
        with self._transaction() as connection:
            return [memory_of(row) for row in connection.execute(_ENTRIES, given)]

    def entry(self, person: str, memory_id: int) -> Memory | None:
        """Return one memory, if it is this person's."""
        with self._transaction() as connection:
            row = connection.execute(_ENTRY, (person, memory_id)).fetchone()
        return None if row is None else memory_of(row)

    def history(self, person: str, fact_id: int) -> list[Memory]:
        """Return a fact and those that it superseded, newest first."""
        with self._transaction() as connection:
            return postgres_facts.history(connection, person, fact_id)

    def people(self) -> list[PersonSummary]:
        """Return all persons of whom something is remembered, by name."""
        with self._transaction() as connection:
            return [PersonSummary(*row) for row in connection.execute(_PEOPLE)]

    def moods(self, person: str, span: Span, *, limit: int, crisis: bool) -> list[MoodPoint]:
        """Return a person's newest moods of a span of time, oldest first; or only of crises."""
        given = (person, span.since, span.until, crisis, limit)
        with self._transaction() as connection:
            rows = connection.execute(_MOODS, given).fetchall()
        return [mood_point_of(row) for row in reversed(rows)]

    # -- forget ------------------------------------------------------------------------------

    def forget(self, person: str) -> int:
        """Delete everything of a person; returns how many memories it was."""
        return self.forget_span(person, ALWAYS)

    def forget_items(self, person: str, ids: Collection[int]) -> int:
        """Delete memories, with what follows from them."""
        with self._transaction() as connection:
            gone = postgres_forget.with_dependents(connection, person, ids)
            postgres_forget.forget_topics(connection, person, gone)
            return postgres_forget.delete(connection, gone)

    def forget_span(self, person: str, span: Span) -> int:
        """Delete a span of time: memories, what follows from them, and moods."""
        with self._transaction() as connection:
            postgres_forget.delete_moods(connection, person, span)
            own = postgres_forget.of_span(connection, person, span)
            gone = postgres_forget.with_dependents(connection, person, own)
            return postgres_forget.delete(connection, gone)

    def forget_moods(self, person: str, span: Span) -> int:
        """Delete a person's moods of a span of time; returns how many."""
        with self._transaction() as connection:
            return postgres_forget.delete_moods(connection, person, span)

    def retain(self, person: str, policy: Retention, now: float) -> int:
        """Delete what a policy does not keep; returns how many memories."""
        with self._transaction() as connection:
            if policy.seconds is not None:
                postgres_forget.delete_moods(connection, person, Span(until=now - policy.seconds))
            gone = postgres_forget.surplus(connection, person, policy, now)
            return postgres_forget.delete(connection, gone)

    # -- vectors -----------------------------------------------------------------------------

    def use_embedder(self, model: str) -> None:
        """Say whose vectors will be set; those of another model are dropped, to be made anew."""
        with self._transaction() as connection:
            if connection.execute("SELECT model FROM embedder").fetchall() != [(model,)]:
                connection.execute("UPDATE memory SET vector = NULL WHERE vector IS NOT NULL")
                connection.execute("DELETE FROM embedder")
                connection.execute("INSERT INTO embedder VALUES (%s)", (model,))

    def without_vector(self, limit: int, *, english_only: bool = True) -> list[tuple[int, str]]:
        """Return ids and texts of memories that wait to be embedded."""
        with self._transaction() as connection:
            return list(connection.execute(_TO_EMBED, (english_only, limit)).fetchall())

    def set_vectors(self, ids: Sequence[int], vectors: Vectors) -> None:
        """Attach one vector to each memory; those forgotten meanwhile are passed over."""
        rows = [(as_vector(row), key) for row, key in zip(vectors, ids, strict=True)]
        with self._transaction() as connection:
            connection.cursor().executemany(_SET_VECTOR, rows)

    def close(self) -> None:
        """Close the connection; further calls fail."""
        self._database.close()
