"""Memories in one SQLite file: rows, a full-text index, and vectors."""

from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from xy_core.core.database import transaction
from xy_core.core.errors import BackendError
from xy_core.modules.memory.backends.database import open_database
from xy_core.modules.memory.backends.moods import add_moods, delete_moods, read_moods
from xy_core.modules.memory.ranking import fuse
from xy_core.modules.memory.terms import has_han, index_text, match_expression
from xy_core.modules.memory.types import Memory, MoodPoint, Recalled

Vectors = npt.NDArray[np.float32]
_FLOAT32 = np.dtype("<f4")
_CANDIDATES = 50
"""Results of each search that the fusion sees."""

_INSERT = """
    INSERT INTO memory (role, text, person, time, emotion, english) VALUES (?, ?, ?, ?, ?, ?)"""
_SELECT = "SELECT role, text, person, time, emotion FROM memory WHERE id = ?"
_RECENT = """
    SELECT role, text, person, time, emotion FROM turn
    WHERE person = ? ORDER BY id DESC LIMIT ?"""
_SURPLUS = "SELECT id FROM turn WHERE person = ? ORDER BY id DESC LIMIT -1 OFFSET ?"
_BY_WORDS = """
    SELECT knowledge.id FROM word JOIN knowledge ON knowledge.id = word.rowid
    WHERE word MATCH :match AND person = :person AND knowledge.id NOT IN (
        SELECT id FROM turn WHERE person = :person ORDER BY id DESC LIMIT :skip_recent)
    ORDER BY bm25(word), knowledge.id DESC LIMIT :candidates"""
_BY_EMOTION = """
    SELECT id FROM knowledge
    WHERE emotion = :emotion AND person = :person AND id NOT IN (
        SELECT id FROM turn WHERE person = :person ORDER BY id DESC LIMIT :skip_recent)
    ORDER BY id DESC LIMIT :candidates"""
_BY_MEANING = """
    SELECT id, vector FROM knowledge
    WHERE vector IS NOT NULL AND person = :person AND id NOT IN (
        SELECT id FROM turn WHERE person = :person ORDER BY id DESC LIMIT :skip_recent)
    ORDER BY id DESC"""


class MemoryStore:
    """The memory file; all methods block, and any thread may call them.

    Raises:
        BackendError: from every method, when SQLite fails (the disk is full, say); then nothing
            of that call was written.
    """

    def __init__(self, path: Path, *, max_turns: int) -> None:
        """Open the file; see `open_database`."""
        self._path = path
        self._max_turns = max_turns
        self._lock = threading.Lock()
        self._connection = open_database(path)

    def add(self, memories: Sequence[Memory], moods: Sequence[MoodPoint] = ()) -> None:
        """Write all or none, and let a person's oldest turns go when there are too many."""
        with self._transaction() as connection:
            add_moods(connection, moods, self._max_turns)
            for memory in memories:
                inserted = connection.execute(_INSERT, _row(memory))
                words = (inserted.lastrowid, index_text(memory.text))
                connection.execute("INSERT INTO word (rowid, content) VALUES (?, ?)", words)
            for person in {memory.person for memory in memories}:
                surplus = connection.execute(_SURPLUS, (person, self._max_turns))
                _delete(connection, [row[0] for row in surplus])

    def recent(self, person: str, limit: int) -> list[Memory]:
        """Return the newest turns, oldest first."""
        with self._reading() as connection:
            rows = connection.execute(_RECENT, (person, limit)).fetchall()
        return [Memory(*row) for row in reversed(rows)]

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
        """Return memories that share words or meaning with the query, best first.

        With an emotion those of that emotion come before others that bear on the query as much; a
        query without words finds all of that emotion, newest first.

        Args:
            person: whose memories.
            query: any text.
            vector: the query's meaning, float32 (384,), if it is known.
            emotion: of the speaker, if it is to count.
            limit: how many at most.
            skip_recent: newest turns that are left out, and so is what repeats their text.
            min_similarity: cosine from which a memory counts as near.
        """
        who: dict[str, object] = {"person": person, "skip_recent": skip_recent}
        with self._transaction("DEFERRED") as connection:
            rankings = [_by_words(connection, query, who)]
            if vector is not None:
                rankings.append(_by_meaning(connection, vector, min_similarity, who))
            if emotion is not None:
                topical = {memory_id for ranking in rankings for memory_id in ranking}
                felt = _by_emotion(connection, emotion, who)
                alike = [one for one in felt if one in topical] if query.strip() else felt
                rankings.append(alike)
            seen = {row[1] for row in connection.execute(_RECENT, (person, skip_recent))}
            found: list[Recalled] = []
            for memory_id, score in fuse(rankings):
                if len(found) == limit:
                    break
                memory = Memory(*connection.execute(_SELECT, (memory_id,)).fetchone())
                if memory.text not in seen:
                    seen.add(memory.text)
                    found.append(Recalled(memory, score))
        return found

    def moods(
        self, person: str, *, since: float, until: float, limit: int, crisis: bool
    ) -> list[MoodPoint]:
        """Return a person's newest moods of a span of time, oldest first (see `read_moods`)."""
        with self._reading() as connection:
            return read_moods(
                connection, person, since=since, until=until, limit=limit, crisis=crisis
            )

    def forget_moods(self, person: str, since: float, until: float) -> int:
        """Delete a person's moods of a span of time, from the disk too; returns how many."""
        with self._transaction() as connection:
            count = delete_moods(connection, person, since, until)
        self._shrink()
        return count

    def use_embedder(self, model: str) -> None:
        """Say whose vectors will be set; those of another model are dropped, to be made anew."""
        with self._transaction() as connection:
            if connection.execute("SELECT model FROM embedder").fetchall() != [(model,)]:
                connection.execute("UPDATE memory SET vector = NULL WHERE vector IS NOT NULL")
                connection.execute("DELETE FROM embedder")
                connection.execute("INSERT INTO embedder VALUES (?)", (model,))

    def without_vector(self, limit: int) -> list[tuple[int, str]]:
        """Return ids and texts of English memories that wait to be embedded, oldest first."""
        query = "SELECT id, text FROM memory WHERE english AND vector IS NULL ORDER BY id LIMIT ?"
        with self._reading() as connection:
            return connection.execute(query, (limit,)).fetchall()

    def set_vectors(self, ids: Sequence[int], vectors: Vectors) -> None:
        """Attach one vector to each memory; those forgotten meanwhile are passed over."""
        rows = zip((row.astype(_FLOAT32).tobytes() for row in vectors), ids, strict=True)
        with self._transaction() as connection:
            connection.executemany("UPDATE memory SET vector = ? WHERE id = ?", rows)

    def forget(self, person: str) -> int:
        """Delete everything of a person, from the disk too; returns how many memories it was."""
        with self._transaction() as connection:
            rows = connection.execute("SELECT id FROM memory WHERE person = ?", (person,))
            ids = [row[0] for row in rows]
            _delete(connection, ids)
            delete_moods(connection, person, -math.inf, math.inf)
            # Deleted words stay in the index's segments until these are merged.
            connection.execute("INSERT INTO word (word) VALUES ('optimize')")
        self._shrink()
        return len(ids)

    def close(self) -> None:
        """Close the file; further calls fail."""
        with self._lock:
            self._connection.close()

    def _shrink(self) -> None:
        """Take what was deleted out of the log beside the file as well."""
        with self._reading() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise BackendError(f"memory file {self._path}: {error}") from error

    @contextmanager
    def _transaction(
        self, kind: Literal["IMMEDIATE", "DEFERRED"] = "IMMEDIATE"
    ) -> Iterator[sqlite3.Connection]:
        with self._reading() as connection, transaction(connection, kind):
            yield connection


def _row(memory: Memory) -> tuple[object, ...]:
    english = not has_han(memory.text)
    return memory.role, memory.text, memory.person, memory.time, memory.emotion, english


def _delete(connection: sqlite3.Connection, ids: Iterable[int]) -> None:
    keys = [(memory_id,) for memory_id in ids]
    connection.executemany("DELETE FROM word WHERE rowid = ?", keys)
    connection.executemany("DELETE FROM memory WHERE id = ?", keys)


def _by_words(connection: sqlite3.Connection, query: str, who: dict[str, object]) -> list[int]:
    match = match_expression(query)
    if not match:
        return []
    terms = who | {"match": match, "candidates": _CANDIDATES}
    return [row[0] for row in connection.execute(_BY_WORDS, terms)]


def _by_emotion(connection: sqlite3.Connection, emotion: str, who: dict[str, object]) -> list[int]:
    terms = who | {"emotion": emotion, "candidates": _CANDIDATES}
    return [row[0] for row in connection.execute(_BY_EMOTION, terms)]


def _by_meaning(
    connection: sqlite3.Connection, vector: Vectors, least: float, who: dict[str, object]
) -> list[int]:
    rows = connection.execute(_BY_MEANING, who).fetchall()
    if not rows:
        return []
    ids = np.array([row[0] for row in rows])
    vectors = np.frombuffer(b"".join(row[1] for row in rows), _FLOAT32).reshape(len(rows), -1)
    similarity = vectors @ vector
    best = np.argsort(-similarity, kind="stable")[:_CANDIDATES]
    return [int(ids[row]) for row in best if similarity[row] >= least]
