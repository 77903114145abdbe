"""How memories are found in the memory file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xy_core.modules.memory import ranking
from xy_core.modules.memory.backends.rows import SELECT, memory_of
from xy_core.modules.memory.segment import Cut
from xy_core.modules.memory.store import Vectors
from xy_core.modules.memory.terms import any_of, query_terms
from xy_core.modules.memory.types import Memory, Recalled

CANDIDATES = 50
"""Results of each search that the fusion sees."""
_COMMON = 0.02
"""Share of all memories from which a word is left out of a search that has a rarer one."""
_FEW = 2_000
"""Memories that may have a word before it can be too common."""

_RECENT_IDS = "SELECT id FROM turn WHERE person = :person ORDER BY id DESC LIMIT :skip_recent"
_BY_WORDS = f"""
    SELECT knowledge.id FROM word JOIN knowledge ON knowledge.id = word.rowid
    WHERE word MATCH :match AND person = :person AND knowledge.id NOT IN ({_RECENT_IDS})
    ORDER BY bm25(word), knowledge.id DESC LIMIT :candidates"""  # noqa: S608 - ours
_BY_EMOTION = f"""
    SELECT id FROM knowledge
    WHERE emotion = :emotion AND person = :person AND id NOT IN ({_RECENT_IDS})
    ORDER BY id DESC LIMIT :candidates"""  # noqa: S608 - ours
_ONE = f"{SELECT} WHERE memory.id = ? AND memory.person = ? AND memory.role IN ('user', 'fact')"
_COUNT = "SELECT doc FROM word_count WHERE term = ?"

Nearest = Callable[[Vectors, int], list[int]]
"""Takes a vector and how many ids are wanted; returns them, best first."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for; the meaning of each field is that of `Store.search`."""

    person: str
    words: str
    vector: Vectors | None
    emotion: str | None
    limit: int
    skip_recent: int


def search(
    connection: sqlite3.Connection, query: Query, nearest: Nearest, cut: Cut
) -> list[Recalled]:
    """Return what the query finds, best first (see `Store.search`)."""
    who: dict[str, object] = {"person": query.person, "skip_recent": query.skip_recent}
    recent = [row[0] for row in connection.execute(_RECENT_IDS, who)]
    rankings, weights = [_by_words(connection, query.words, who, cut)], [ranking.WORDS]
    if query.vector is not None:
        near = nearest(query.vector, CANDIDATES + len(recent))
        rankings.append([one for one in near if one not in recent][:CANDIDATES])
        weights.append(ranking.MEANING)
    topical = {memory_id for found in rankings for memory_id in found}
    if query.emotion is not None:
        felt = _by_emotion(connection, query.emotion, who)
        alike = [one for one in felt if one in topical] if query.words.strip() else felt
        rankings.append(alike)
        weights.append(ranking.MOOD)
    rankings.append(sorted(topical, reverse=True))
    weights.append(ranking.RECENCY)
    return _whole(connection, query, ranking.fuse(rankings, weights), recent)


def _whole(
    connection: sqlite3.Connection,
    query: Query,
    ranked: Sequence[tuple[int, float]],
    recent: Sequence[int],
) -> list[Recalled]:
    """Read the best memories, each text once, without what the newest turns say anyway."""
    texts = "SELECT text FROM memory WHERE id = ?"
    seen = {connection.execute(texts, (memory_id,)).fetchone()[0] for memory_id in recent}
    found: list[Recalled] = []
    for memory_id, score in ranked:
        if len(found) == query.limit:
            break
        row = connection.execute(_ONE, (memory_id, query.person)).fetchone()
        if row is None:  # forgotten by another process, or superseded
            continue
        memory: Memory = memory_of(row)
        if memory.text not in seen:
            seen.add(memory.text)
            found.append(Recalled(memory, score))
    return found


def _by_words(
    connection: sqlite3.Connection, query: str, who: dict[str, object], cut: Cut
) -> list[int]:
    terms = _telling(connection, query_terms(query, cut))
    if not terms:
        return []
    given = who | {"match": any_of(terms), "candidates": CANDIDATES}
    return [row[0] for row in connection.execute(_BY_WORDS, given)]


def _telling(connection: sqlite3.Connection, terms: Sequence[str]) -> Sequence[str]:
    """Leave out words that very many memories have, if there are others."""
    most = max(
        _FEW, _COMMON * (connection.execute("SELECT max(id) FROM memory").fetchone()[0] or 0)
    )

    def rarest(term: str) -> int:
        """Of a phrase, the count of its rarest character; stems differ, so unknown words are 0."""
        counts = [connection.execute(_COUNT, (part,)).fetchone() for part in term.split()]
        return min(count[0] if count else 0 for count in counts)

    return [term for term in terms if rarest(term) <= most] or terms


def _by_emotion(connection: sqlite3.Connection, emotion: str, who: dict[str, object]) -> list[int]:
    terms = who | {"emotion": emotion, "candidates": CANDIDATES}
    return [row[0] for row in connection.execute(_BY_EMOTION, terms)]
