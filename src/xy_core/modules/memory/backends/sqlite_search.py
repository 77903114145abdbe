"""How memories are found in the memory file."""

from __future__ import annotations

import heapq
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Sequence

from xy_core.modules.memory.backends.rows import SELECT, memory_of
from xy_core.modules.memory.query import Query
from xy_core.modules.memory.ranking import rank, rarity
from xy_core.modules.memory.segment import Cut
from xy_core.modules.memory.terms import any_of, query_terms
from xy_core.modules.memory.types import Memory, Recalled

_CANDIDATES = 200
"""Results of each search that the ranking sees."""
_COMMON = 0.02
"""Share of all memories from which a word is left out of a search that has a rarer one."""
_FEW = 2_000
"""Memories that may have a word before it can be too common."""

_RECENT_IDS = "SELECT id FROM turn WHERE person = :person ORDER BY id DESC LIMIT :skip_recent"
_WITH_WORD = f"""
    SELECT knowledge.id FROM word JOIN knowledge ON knowledge.id = word.rowid
    WHERE word MATCH :match AND person = :person AND knowledge.id NOT IN ({_RECENT_IDS})
    ORDER BY word.rowid DESC LIMIT :most"""  # noqa: S608 - ours
_BY_EMOTION = f"""
    SELECT id FROM knowledge
    WHERE emotion = :emotion AND person = :person AND id NOT IN ({_RECENT_IDS})
    ORDER BY id DESC LIMIT :candidates"""  # noqa: S608 - ours
_ONE = f"{SELECT} WHERE memory.id = ? AND memory.person = ? AND memory.role IN ('user', 'fact')"
_HAVING = "SELECT count(*) FROM (SELECT 1 FROM word WHERE word MATCH ? LIMIT ?)"
_TOTAL = "SELECT max(id) FROM memory"

Nearest = Callable[[int, Collection[int]], dict[int, float]]
"""Takes how many memories are wanted at most, and ids of others beside them; returns cosines."""


def search(
    connection: sqlite3.Connection, person: str, query: Query, nearest: Nearest, cut: Cut
) -> list[Recalled]:
    """Return what the query finds, best first (see `Store.search`)."""
    who: dict[str, object] = {"person": person, "skip_recent": query.skip_recent}
    recent = [row[0] for row in connection.execute(_RECENT_IDS, who)]
    words = _by_words(connection, query.words, who, cut)
    meaning = None
    if query.vector is not None:
        near = nearest(_CANDIDATES + len(recent), words)
        meaning = {one: cosine for one, cosine in near.items() if one not in recent}
    felt: list[int] = []
    if query.emotion is not None:
        felt = _by_emotion(connection, query.emotion, who)
    if not query.words.strip() and query.vector is None:
        words = dict.fromkeys(felt, 0.0)
    return _whole(connection, person, query, rank(words, meaning, felt, query.unlike), recent)


def _whole(
    connection: sqlite3.Connection,
    person: str,
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
        row = connection.execute(_ONE, (memory_id, person)).fetchone()
        if row is None:  # forgotten by another process, or superseded
            continue
        memory: Memory = memory_of(row)
        if memory.text not in seen:
            seen.add(memory.text)
            found.append(Recalled(memory, score))
    return found


def _by_words(
    connection: sqlite3.Connection, query: str, who: dict[str, object], cut: Cut
) -> dict[int, float]:
    """Return the share of the query's words that memories have, the rarer the more.

    How often a memory has a word, and how long it is, does not count (Robertson and Sparck Jones,
    "Relevance weighting of search terms", 1976): BM25 takes half of its weight from a name that is
    said once in a long message, though nothing else has it.
    """
    total = connection.execute(_TOTAL).fetchone()[0] or 0
    most = int(max(_FEW, _COMMON * total))
    telling = _telling(connection, query_terms(query, cut), total, most)
    told: Counter[int] = Counter()
    for term, tells in telling.items():
        given = who | {"match": any_of([term]), "most": most}
        told.update({row[0]: tells for row in connection.execute(_WITH_WORD, given)})
    best = heapq.nlargest(_CANDIDATES, told.items(), key=lambda item: (item[1], item[0]))
    return {memory_id: share / sum(telling.values()) for memory_id, share in best}


def _telling(
    connection: sqlite3.Connection, terms: Sequence[str], total: int, most: int
) -> dict[str, float]:
    """Return what each word tells; words that more than `most` memories have are left out.

    If there are no others, they stay.
    """
    having = {
        term: connection.execute(_HAVING, (any_of([term]), most + 1)).fetchone()[0]
        for term in terms
    }
    kept = {term: count for term, count in having.items() if count <= most} or having
    return {term: rarity(count, total) for term, count in kept.items()}


def _by_emotion(connection: sqlite3.Connection, emotion: str, who: dict[str, object]) -> list[int]:
    terms = who | {"emotion": emotion, "candidates": _CANDIDATES}
    return [row[0] for row in connection.execute(_BY_EMOTION, terms)]
