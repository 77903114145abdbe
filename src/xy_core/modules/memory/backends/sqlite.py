"""Memories in one SQLite file: rows, a full-text index, and vectors."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np

from xy_core.core.database import SQLITE, Driver, transaction
from xy_core.core.errors import BackendError
from xy_core.core.task import TaskType
from xy_core.modules.memory.backends import sqlite_facts, sqlite_forget, sqlite_restore
from xy_core.modules.memory.backends.database import open_database, open_reader
from xy_core.modules.memory.backends.moods import add_moods, delete_moods, read_moods
from xy_core.modules.memory.backends.rows import SELECT, memory_of, row_of
from xy_core.modules.memory.backends.sqlite_search import search
from xy_core.modules.memory.query import ALWAYS, Filter, Query, Span, Vectors
from xy_core.modules.memory.segment import Cut, pairs
from xy_core.modules.memory.terms import index_text
from xy_core.modules.memory.types import (
    FORMER,
    Lesson,
    Memory,
    MoodPoint,
    PersonSummary,
    Recalled,
    Retention,
)
from xy_core.modules.memory.vectors import VectorIndex, packed

_INSERT = """
    INSERT INTO memory (role, text, person, time, emotion, english) VALUES (?, ?, ?, ?, ?, ?)"""
_INSERT_WORDS = "INSERT INTO word (rowid, content) VALUES (?, ?)"
_RECENT = f"""
    {SELECT} WHERE memory.person = ? AND memory.role IN ('user', 'assistant')
    ORDER BY memory.id DESC LIMIT ?"""
_ENTRIES = f"""
    {SELECT} WHERE memory.person = ? AND memory.time >= ? AND memory.time < ?
        AND memory.id < ? AND memory.role IN (SELECT value FROM json_each(?))
    ORDER BY memory.id DESC LIMIT ?"""  # noqa: S608 - ours
_ENTRY = f"{SELECT} WHERE memory.person = ? AND memory.id = ?"
_PEOPLE = """
    SELECT person, sum(turns), sum(facts), sum(moods), max(last) FROM (
        SELECT person, sum(role IN ('user', 'assistant')) AS turns, sum(role = 'fact') AS facts,
            0 AS moods, max(time) AS last FROM memory GROUP BY person
        UNION ALL SELECT person, 0, 0, count(*), max(time) FROM mood GROUP BY person
    ) GROUP BY person ORDER BY person"""
_VECTORS = """
    SELECT id, vector FROM memory
    WHERE person = ? AND role IN ('user', 'fact') AND vector IS NOT NULL"""
_TO_EMBED = """
    SELECT id, text FROM memory
    WHERE english >= ? AND vector IS NULL AND role IN ('user', 'fact')
    ORDER BY english, id LIMIT ?"""
_SET_VECTOR = "UPDATE memory SET vector = ? WHERE id = ? AND role != 'former' RETURNING person"
_MOST_FREE = 0.25
"""Share of a file's pages that may be empty before it is written anew without them."""
_LAST = 2**63 - 1


class MemoryStore:
    """The memory file; a `Store`.

    Reads and writes have a connection each, and never wait for one another.

    Args:
        path: of the file.
        max_turns: how many of a person's turns, and moods, stay.
        driver: the library that reads it; SQLCipher's if it is encrypted.
        cut: how Chinese is cut in queries.
    """

    lane: ClassVar[TaskType] = TaskType.CPU_BOUND

    def __init__(
        self,
        path: Path,
        *,
        max_turns: int,
        driver: Driver = SQLITE,
        cut: Cut = pairs,
    ) -> None:
        """Open the file; see `open_database`."""
        self.place = str(path)
        self._max_turns = max_turns
        self._error = driver.error
        self._cut = cut
        self._writing, self._read_lock = threading.Lock(), threading.Lock()
        self._connection = open_database(path, driver)
        self._reader = open_reader(path, driver)
        self._index = VectorIndex()

    # -- write -------------------------------------------------------------------------------

    def add(self, memories: Sequence[Memory], moods: Sequence[MoodPoint] = ()) -> None:
        """Write all or none, and let a person's oldest turns go when there are too many."""
        with self._transaction() as connection:
            add_moods(connection, moods, self._max_turns)
            for memory in memories:
                self._insert(connection, memory)
            for person in {memory.person for memory in memories}:
                policy = Retention(turns=self._max_turns)
                self._delete(person, sqlite_forget.surplus(connection, person, policy, 0.0))

    def learn(self, lesson: Lesson) -> list[Memory]:
        """Take facts in; returns those that are new (see `Store.learn`)."""
        fresh: list[Memory] = []
        with self._transaction() as connection:
            for draft in lesson.facts:
                insert = partial(self._insert, connection)
                fact, former = sqlite_facts.learn(connection, lesson, draft, insert)
                self._index.discard(lesson.person, former)
                if fact is not None:
                    fresh.append(fact)
        return fresh

    def restore(self, memories: Sequence[Memory], moods: Sequence[MoodPoint]) -> int:
        """Write what was exported, and pass over what is already there (see `Store.restore`)."""
        with self._transaction() as connection:
            insert = partial(self._insert, connection)
            return sqlite_restore.restore(connection, memories, moods, insert)

    # -- read --------------------------------------------------------------------------------

    def recent(self, person: str, limit: int) -> list[Memory]:
        """Return the newest turns, oldest first."""
        with self._reading() as connection:
            rows = connection.execute(_RECENT, (person, limit)).fetchall()
        return [memory_of(row) for row in reversed(rows)]

    def search(self, person: str, query: Query) -> list[Recalled]:
        """Return memories that share words or meaning with the query (see `Store.search`)."""
        with self._reading() as connection, transaction(connection, "DEFERRED"):

            def load() -> tuple[list[int], list[bytes]]:
                rows = connection.execute(_VECTORS, (person,)).fetchall()
                return [row[0] for row in rows], [row[1] for row in rows]

            def nearest(most: int, beside: Collection[int]) -> dict[int, float]:
                if query.vector is None:
                    return {}
                return self._index.nearest(
                    person,
                    query.vector,
                    most=most,
                    least=query.min_cosine,
                    beside=np.fromiter(beside, np.int64, len(beside)),
                    load=load,
                )

            return search(connection, person, query, nearest, self._cut)

    def entries(self, person: str, which: Filter) -> list[Memory]:
        """Return a person's memories, newest first."""
        wanted = "[" + ",".join(f'"{role}"' for role in which.roles if role.isalpha()) + "]"
        span = which.span
        given = (person, span.since, span.until, which.before or _LAST, wanted, which.limit)
        with self._reading() as connection:
            return [memory_of(row) for row in connection.execute(_ENTRIES, given)]

    def entry(self, person: str, memory_id: int) -> Memory | None:
        """Return one memory, if it is this person's."""
        with self._reading() as connection:
            row = connection.execute(_ENTRY, (person, memory_id)).fetchone()
        return None if row is None else memory_of(row)

    def history(self, person: str, fact_id: int) -> list[Memory]:
        """Return a fact and those that it superseded, newest first."""
        with self._reading() as connection:
            return sqlite_facts.history(connection, person, fact_id)

    def people(self) -> list[PersonSummary]:
        """Return all persons of whom something is remembered, by name."""
        with self._reading() as connection:
            return [PersonSummary(*row) for row in connection.execute(_PEOPLE)]

    def moods(self, person: str, span: Span, *, limit: int, crisis: bool) -> list[MoodPoint]:
        """Return a person's newest moods of a span of time, oldest first (see `read_moods`)."""
        with self._reading() as connection:
            return read_moods(connection, person, span, limit=limit, crisis=crisis)

    # -- forget ------------------------------------------------------------------------------

    def forget(self, person: str) -> int:
        """Delete everything of a person, from the disk too; returns how many memories it was."""
        with self._transaction() as connection:
            ids = sqlite_forget.of_person(connection, person)
            delete_moods(connection, person, ALWAYS)
            self._delete(person, ids)
        self._shrink()
        return len(ids)

    def forget_items(self, person: str, ids: Collection[int]) -> int:
        """Delete memories from the disk too, with what follows from them."""
        with self._transaction() as connection:
            gone = sqlite_forget.with_dependents(connection, person, ids)
            sqlite_forget.forget_topics(connection, person, gone)
            self._delete(person, gone)
        self._shrink()
        return len(gone)

    def forget_span(self, person: str, span: Span) -> int:
        """Delete a span of time from the disk too: memories, what follows from them, and moods."""
        with self._transaction() as connection:
            within = sqlite_forget.of_span(connection, person, span)
            gone = sqlite_forget.with_dependents(connection, person, within)
            delete_moods(connection, person, span)
            self._delete(person, gone)
        self._shrink()
        return len(gone)

    def forget_moods(self, person: str, span: Span) -> int:
        """Delete a person's moods of a span of time, from the disk too; returns how many."""
        with self._transaction() as connection:
            count = delete_moods(connection, person, span)
        self._shrink()
        return count

    def retain(self, person: str, policy: Retention, now: float) -> int:
        """Delete what a policy does not keep, from the disk too; returns how many memories."""
        with self._transaction() as connection:
            gone = sqlite_forget.surplus(connection, person, policy, now)
            if policy.seconds is not None:
                delete_moods(connection, person, Span(until=now - policy.seconds))
            self._delete(person, gone)
        if gone:
            self._shrink()
        return len(gone)

    # -- vectors -----------------------------------------------------------------------------

    def use_embedder(self, model: str) -> None:
        """Say whose vectors will be set; those of another model are dropped, to be made anew."""
        kept = f"{model} float16"  # files of version 2 hold float32
        with self._transaction() as connection:
            if connection.execute("SELECT model FROM embedder").fetchall() != [(kept,)]:
                connection.execute("UPDATE memory SET vector = NULL WHERE vector IS NOT NULL")
                connection.execute("DELETE FROM embedder")
                connection.execute("INSERT INTO embedder VALUES (?)", (kept,))
        self._index.clear()

    def without_vector(self, limit: int, *, english_only: bool = True) -> list[tuple[int, str]]:
        """Return ids and texts of memories that wait to be embedded."""
        with self._reading() as connection:
            return connection.execute(_TO_EMBED, (english_only, limit)).fetchall()

    def set_vectors(self, ids: Sequence[int], vectors: Vectors) -> None:
        """Attach one vector to each memory; those forgotten meanwhile are passed over."""
        added: dict[str, tuple[list[int], list[bytes]]] = {}
        with self._transaction() as connection:
            for memory_id, vector in zip(ids, packed(vectors), strict=True):
                for (person,) in connection.execute(_SET_VECTOR, (vector, memory_id)).fetchall():
                    keys, values = added.setdefault(person, ([], []))
                    keys.append(memory_id)
                    values.append(vector)
        for person, (keys, values) in added.items():
            self._index.add(person, keys, values)

    def close(self) -> None:
        """Close the file; further calls fail."""
        with self._read_lock:
            self._reader.close()
        with self._writing:
            self._connection.close()

    # -- helpers -----------------------------------------------------------------------------

    def _insert(self, connection: sqlite3.Connection, memory: Memory) -> int:
        memory_id = connection.execute(_INSERT, row_of(memory)).lastrowid
        assert memory_id is not None  # noqa: S101 - of an INSERT it never is
        if memory.role != FORMER:
            connection.execute(_INSERT_WORDS, (memory_id, index_text(memory.text)))
        return memory_id

    def _delete(self, person: str, ids: Iterable[int]) -> None:
        gone = list(ids)
        sqlite_forget.delete(self._connection, gone)
        self._index.discard(person, gone)

    def _shrink(self) -> None:
        """Take what was deleted out of the index's segments and the log beside the file too."""
        with self._transaction() as connection:
            # Deleted words stay in the index's segments until these are merged.
            connection.execute("INSERT INTO word (word) VALUES ('optimize')")
        with self._writing, self._own_errors():
            free = self._connection.execute("PRAGMA freelist_count").fetchone()[0]
            pages = self._connection.execute("PRAGMA page_count").fetchone()[0]
            if free > _MOST_FREE * pages:
                self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _own_errors(self) -> Iterator[None]:
        try:
            yield
        except self._error as error:
            raise BackendError(f"memory file {self.place}: {error}") from error

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._read_lock, self._own_errors():
            yield self._reader

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._writing, self._own_errors(), transaction(self._connection):
            yield self._connection
