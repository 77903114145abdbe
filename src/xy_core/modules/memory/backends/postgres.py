"""Memories in PostgreSQL with pgvector, for several programs that share one memory."""

from __future__ import annotations

import importlib
import math
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.resources import files
from typing import Any, ClassVar

from xy_core.core.errors import BackendError, ConfigError, MissingExtraError
from xy_core.core.task import TaskType
from xy_core.modules.memory.backends import postgres_search
from xy_core.modules.memory.backends.moods import mood_point_of, mood_row
from xy_core.modules.memory.backends.postgres_search import as_vector, words_of
from xy_core.modules.memory.backends.rows import SELECT, memory_of, row_of
from xy_core.modules.memory.facts import KnownFact, fold, judge, more_confident, topic
from xy_core.modules.memory.segment import Cut, pairs
from xy_core.modules.memory.store import ALWAYS, Span, Vectors
from xy_core.modules.memory.types import (
    FACT,
    FORMER,
    FactDetails,
    FactDraft,
    Lesson,
    Memory,
    MoodPoint,
    PersonSummary,
    Recalled,
    Retention,
)

_VERSION = 1
_LOCK = 0x78794D45  # "xyME": two programs that begin one database do so one after another
_OPTIONS = "-c statement_timeout=30s -c lock_timeout=10s -c search_path=xy_memory,public"
_INSERT = """
    INSERT INTO memory (role, text, person, time, emotion, english, words)
    VALUES (%s, %s, %s, %s, %s, %s, to_tsvector('english', %s)) RETURNING id"""
_INSERT_FACT = "INSERT INTO fact VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
_INSERT_MOOD = """
    INSERT INTO mood (
        person, time, emotion, intensity, valence, arousal, mood, sources, topic, crisis)
    SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s"""
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
_CLOSURE = """
    WITH RECURSIVE gone AS (
        SELECT id FROM memory WHERE person = %(person)s AND id = ANY(%(ids)s)
        UNION SELECT fact.id FROM fact
        JOIN gone ON fact.source = gone.id OR fact.successor = gone.id
        WHERE fact.person = %(person)s)
    SELECT id FROM gone"""
_TOPICS = """
    DELETE FROM mood USING memory WHERE memory.id = ANY(%s) AND memory.role = 'user'
        AND mood.person = %s AND mood.topic = btrim(left(memory.text, 120)) AND mood.topic != ''"""
_SURPLUS = {
    "turns": "SELECT id FROM memory WHERE person = %s AND role IN ('user', 'assistant') "
    "ORDER BY id DESC OFFSET %s",
    "seconds": "SELECT id FROM memory WHERE person = %s AND role IN ('user', 'assistant') "
    "AND time < %s",
    "facts": "SELECT id FROM fact WHERE person = %s ORDER BY superseded IS NULL DESC, "
    "confirmed DESC, id DESC OFFSET %s",
}


class PostgresStore:
    """A PostgreSQL database; a `Store`.

    Vectors are compared exactly, so that no approximate index lets another person's memories crowd
    out one's own. One connection is kept, and made anew when it broke.

    Args:
        address: a libpq connection string or URL.
        max_turns: how many of a person's turns, and moods, stay.
        cut: how Chinese is cut in queries.
    """

    lane: ClassVar[TaskType] = TaskType.DEFAULT

    def __init__(self, address: str, *, max_turns: int, cut: Cut = pairs) -> None:
        """Connect, and create the tables if they are not there.

        Raises:
            ConfigError: the database cannot be reached, lacks pgvector, or is of a newer xy-core.
            MissingExtraError: psycopg is not installed.
        """
        self._address = address
        self._max_turns = max_turns
        self._cut = cut
        self._psycopg = _library()
        self._lock = threading.Lock()
        self._closed = False
        try:
            told = self._psycopg.conninfo.conninfo_to_dict(address)
            self.place = f"postgresql://{told.get('host', '')}/{told.get('dbname', '')}"
            self._connection = self._connect()
            with self._connection.transaction():
                self._prepare()
        except self._psycopg.Error as error:
            raise ConfigError(
                f"the memory database cannot be used ({str(error).strip()}): see that it runs, has "
                "the pgvector extension, and that memory.postgres names it"
            ) from error

    # -- write -------------------------------------------------------------------------------

    def add(self, memories: Sequence[Memory], moods: Sequence[MoodPoint] = ()) -> None:
        """Write all or none, and let a person's oldest turns go when there are too many."""
        with self._transaction() as connection:
            for point in moods:
                connection.execute(_INSERT_MOOD, mood_row(point))
            for person in {point.person for point in moods}:
                connection.execute(
                    "DELETE FROM mood WHERE id IN (SELECT id FROM mood WHERE person = %s "
                    "ORDER BY time DESC, id DESC OFFSET %s)",
                    (person, self._max_turns),
                )
            for memory in memories:
                self._insert(memory)
            for person in {memory.person for memory in memories}:
                self._delete(self._ids(_SURPLUS["turns"], person, self._max_turns))

    def learn(self, lesson: Lesson) -> list[Memory]:
        """Take facts in; returns those that are new (see `Store.learn`)."""
        with self._transaction():
            learned = [self._learn(lesson, draft) for draft in lesson.facts]
        return [fact for fact in learned if fact is not None]

    def restore(self, memories: Sequence[Memory], moods: Sequence[MoodPoint]) -> int:
        """Write what was exported, and pass over what is already there (see `Store.restore`)."""
        same = "SELECT id FROM memory WHERE person = %s AND time = %s AND role = %s AND text = %s"
        known_mood = " WHERE NOT EXISTS (SELECT 1 FROM mood WHERE person = %s AND time = %s)"
        ids: dict[int, int] = {}
        fresh: list[Memory] = []
        with self._transaction() as connection:
            for memory in memories:
                found = self._ids(same, memory.person, memory.time, memory.role, memory.text)
                if not found:
                    fresh.append(memory)
                ids[memory.id] = found[0] if found else self._insert(memory)
            for memory in fresh:
                if memory.details is not None:
                    about = memory.details
                    source, successor = ids.get(about.source or 0), ids.get(about.successor or 0)
                    about = replace(about, source=source, successor=successor)
                    self._add_details(replace(memory, details=about), ids[memory.id])
            written: int = sum(
                connection.execute(
                    _INSERT_MOOD + known_mood, (*mood_row(point), point.person, point.time)
                ).rowcount
                for point in moods
            )
        return len(fresh) + written

    # -- read --------------------------------------------------------------------------------

    def recent(self, person: str, limit: int) -> list[Memory]:
        """Return the newest turns, oldest first."""
        roles = ("user", "assistant")
        return self.entries(person, roles=roles, limit=limit)[::-1]

    def search(
        self,
        person: str,
        query: str,
        vector: Vectors | None,
        *,
        emotion: str | None,
        limit: int,
        skip_recent: int,
        min_similarity: float,
    ) -> list[Recalled]:
        """Return memories that share words or meaning with the query (see `Store.search`)."""
        with self._transaction() as connection:
            return postgres_search.search(
                connection,
                person,
                query,
                vector,
                emotion=emotion,
                limit=limit,
                skip_recent=skip_recent,
                min_similarity=min_similarity,
                cut=self._cut,
            )

    def entries(
        self,
        person: str,
        *,
        roles: Collection[str],
        span: Span = ALWAYS,
        limit: int,
        before: int | None = None,
    ) -> list[Memory]:
        """Return a person's memories of some roles, newest first."""
        statement = f"""
            {SELECT} WHERE memory.person = %s AND memory.time >= %s AND memory.time < %s
                AND memory.id < %s AND memory.role = ANY(%s) ORDER BY memory.id DESC LIMIT %s"""
        last = 2**63 - 1 if before is None else before
        given = (person, span.since, span.until, last, list(roles), limit)
        with self._transaction() as connection:
            return [memory_of(row) for row in connection.execute(statement, given)]

    def entry(self, person: str, memory_id: int) -> Memory | None:
        """Return one memory, if it is this person's."""
        statement = f"{SELECT} WHERE memory.person = %s AND memory.id = %s"
        with self._transaction() as connection:
            row = connection.execute(statement, (person, memory_id)).fetchone()
        return None if row is None else memory_of(row)

    def history(self, person: str, fact_id: int) -> list[Memory]:
        """Return a fact and those that it superseded, newest first."""
        one = f"{SELECT} WHERE memory.person = %s AND fact.id = %s"
        earlier = f"{SELECT} WHERE memory.person = %s AND fact.successor = %s ORDER BY fact.id DESC"
        with self._transaction() as connection:
            found = [memory_of(row) for row in connection.execute(one, (person, fact_id))]
            for fact in found:  # grows while it is read
                rows = connection.execute(earlier, (person, fact.id)).fetchall()
                found += [memory_of(row) for row in rows]
        return found

    def people(self) -> list[PersonSummary]:
        """Return all persons of whom something is remembered, by name."""
        with self._transaction() as connection:
            return [PersonSummary(*row) for row in connection.execute(_PEOPLE)]

    def moods(
        self, person: str, *, since: float, until: float, limit: int, crisis: bool
    ) -> list[MoodPoint]:
        """Return a person's newest moods of a span of time, oldest first."""
        with self._transaction() as connection:
            rows = connection.execute(_MOODS, (person, since, until, crisis, limit)).fetchall()
        return [mood_point_of(row) for row in reversed(rows)]

    # -- forget ------------------------------------------------------------------------------

    def forget(self, person: str) -> int:
        """Delete everything of a person; returns how many memories it was."""
        return self.forget_span(person, ALWAYS)

    def forget_items(self, person: str, ids: Collection[int]) -> int:
        """Delete memories, with what follows from them."""
        with self._transaction() as connection:
            gone = self._closure(person, ids)
            connection.execute(_TOPICS, (gone, person))
            return self._delete(gone)

    def forget_span(self, person: str, span: Span) -> int:
        """Delete a span of time: memories, what follows from them, and moods."""
        own = "SELECT id FROM memory WHERE person = %s AND time >= %s AND time < %s"
        with self._transaction():
            self._delete_moods(person, span)
            return self._delete(
                self._closure(person, self._ids(own, person, span.since, span.until))
            )

    def forget_moods(self, person: str, since: float, until: float) -> int:
        """Delete a person's moods of a span of time; returns how many."""
        with self._transaction():
            return self._delete_moods(person, Span(since, until))

    def retain(self, person: str, policy: Retention, now: float) -> int:
        """Delete what a policy does not keep; returns how many memories."""
        gone: list[int] = []
        with self._transaction():
            if policy.seconds is not None:
                gone += self._ids(_SURPLUS["seconds"], person, now - policy.seconds)
                self._delete_moods(person, Span(-math.inf, now - policy.seconds))
            if policy.turns is not None:
                gone += self._ids(_SURPLUS["turns"], person, policy.turns)
            if policy.facts is not None:
                gone += self._ids(_SURPLUS["facts"], person, policy.facts)
            return self._delete(gone)

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
        statement = """SELECT id, text FROM memory WHERE english >= %s AND vector IS NULL
            AND role IN ('user', 'fact') ORDER BY english, id LIMIT %s"""
        with self._transaction() as connection:
            return list(connection.execute(statement, (english_only, limit)).fetchall())

    def set_vectors(self, ids: Sequence[int], vectors: Vectors) -> None:
        """Attach one vector to each memory; those forgotten meanwhile are passed over."""
        statement = "UPDATE memory SET vector = %s::vector WHERE id = %s AND role != 'former'"
        rows = [(as_vector(row), key) for row, key in zip(vectors, ids, strict=True)]
        with self._transaction() as connection:
            connection.cursor().executemany(statement, rows)

    def close(self) -> None:
        """Close the connection; further calls fail."""
        with self._lock:
            self._closed = True
            self._connection.close()

    # -- helpers -----------------------------------------------------------------------------

    def _learn(self, lesson: Lesson, draft: FactDraft) -> Memory | None:
        connection, about = self._connection, topic(draft.topic)
        rows = connection.execute(
            "SELECT id, folded, topic, confidence FROM fact WHERE person = %s "
            "AND superseded IS NULL AND (folded = %s OR (topic = %s AND topic != ''))",
            (lesson.person, fold(draft.text), about),
        )
        known = [KnownFact(*row) for row in rows.fetchall()]
        verdict = judge(draft, known)
        holds, fresh = verdict.confirms, None
        if holds is None:
            details = FactDetails(
                about, draft.confidence, lesson.speaker, lesson.source, lesson.time
            )
            made = Memory(FACT, draft.text, lesson.person, lesson.time, lesson.emotion)
            holds = self._insert(made)
            fresh = replace(made, id=holds, details=details)
            self._add_details(fresh, holds)
        else:
            before = next(fact.confidence for fact in known if fact.id == holds)
            connection.execute(
                "UPDATE fact SET confidence = %s, confirmed = greatest(confirmed, %s) "
                "WHERE id = %s",
                (more_confident(before, draft.confidence), lesson.time, holds),
            )
        for former in verdict.supersedes:
            connection.execute(
                "UPDATE fact SET superseded = %s, successor = %s WHERE id = %s",
                (lesson.time, holds, former),
            )
            connection.execute(
                "UPDATE memory SET role = %s, vector = NULL WHERE id = %s", (FORMER, former)
            )
        return fresh

    def _insert(self, memory: Memory) -> int:
        row = (*row_of(memory), words_of(memory.text))
        inserted: int = self._connection.execute(_INSERT, row).fetchone()[0]
        return inserted

    def _add_details(self, fact: Memory, memory_id: int) -> None:
        about = fact.details or FactDetails(speaker=fact.person, confirmed=fact.time)
        row = (memory_id, fact.person, fold(fact.text), about.topic, about.confidence)
        rest = (about.speaker, about.source, about.confirmed, about.superseded, about.successor)
        self._connection.execute(_INSERT_FACT, row + rest)

    def _closure(self, person: str, ids: Collection[int]) -> list[int]:
        given = {"person": person, "ids": list(ids)}
        return [row[0] for row in self._connection.execute(_CLOSURE, given)]

    def _delete(self, ids: Sequence[int]) -> int:
        deleted: int = self._connection.execute(
            "DELETE FROM memory WHERE id = ANY(%s)", (list(ids),)
        ).rowcount
        return deleted

    def _delete_moods(self, person: str, span: Span) -> int:
        statement = "DELETE FROM mood WHERE person = %s AND time >= %s AND time < %s"
        given = (person, span.since, span.until)
        deleted: int = self._connection.execute(statement, given).rowcount
        return deleted

    def _ids(self, statement: str, *given: object) -> list[int]:
        return [row[0] for row in self._connection.execute(statement, given)]

    def _connect(self) -> Any:  # noqa: ANN401 - of an optional library
        return self._psycopg.connect(
            self._address, autocommit=True, connect_timeout=10, options=_OPTIONS
        )

    def _prepare(self) -> None:
        connection = self._connection
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        script = files("xy_core.modules.memory.backends").joinpath("postgres.sql")
        found = connection.execute("SELECT to_regclass('xy_memory.schema_version')").fetchone()[0]
        if found is not None:
            (version,) = connection.execute("SELECT version FROM schema_version").fetchone()
            if version > _VERSION:
                raise ConfigError(
                    f"the memory database is of a newer xy-core (schema {version}, here "
                    f"{_VERSION}): install that version, or set memory.postgres to another database"
                )
            return
        connection.execute(script.read_text("utf-8"))
        connection.execute("INSERT INTO schema_version VALUES (%s)", (_VERSION,))

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        with self._lock:
            try:
                if self._connection.closed and not self._closed:
                    self._connection = self._connect()
                with self._connection.transaction():
                    yield self._connection
            except self._psycopg.Error as error:
                raise BackendError(f"memory database {self.place}: {str(error).strip()}") from error


def _library() -> Any:  # noqa: ANN401 - a module
    try:
        return importlib.import_module("psycopg")
    except ImportError as error:
        raise MissingExtraError("psycopg", "postgres") from error
