"""How memories are found in PostgreSQL."""

from __future__ import annotations

import unicodedata
from typing import Any

from xy_core.modules.memory import ranking
from xy_core.modules.memory.backends.rows import SELECT, memory_of
from xy_core.modules.memory.segment import Cut
from xy_core.modules.memory.store import Vectors
from xy_core.modules.memory.terms import index_text, query_terms
from xy_core.modules.memory.types import Recalled

_CANDIDATES = 50
_RECENT = """
    SELECT id FROM memory WHERE person = %(person)s AND role IN ('user', 'assistant')
    ORDER BY id DESC LIMIT %(skip)s"""
_OWN = "person = %(person)s AND role IN ('user', 'fact') AND NOT id = ANY(%(recent)s)"
_BY_WORDS = f"""
    SELECT id FROM memory, (
        SELECT string_agg('(' || phraseto_tsquery('english', term)::text || ')', ' | ')
            ::tsquery
            AS query FROM unnest(%(terms)s::text[]) AS term
        WHERE numnode(phraseto_tsquery('english', term)) > 0) AS asked
    WHERE {_OWN} AND words @@ asked.query
    ORDER BY ts_rank(words, asked.query, 1) DESC, id DESC LIMIT %(most)s"""  # noqa: S608 - ours
_BY_MEANING = f"""
    SELECT id FROM memory WHERE {_OWN} AND vector IS NOT NULL
        AND 1 - (vector <=> %(vector)s::vector) >= %(least)s
    ORDER BY vector <=> %(vector)s::vector LIMIT %(most)s"""  # noqa: S608 - ours
_BY_EMOTION = f"""
    SELECT id FROM memory WHERE {_OWN} AND emotion = %(emotion)s
    ORDER BY id DESC LIMIT %(most)s"""  # noqa: S608 - ours


def words_of(text: str) -> str:
    """Return a text as the index gets it: without accents, each Chinese character alone."""
    bare = "".join(
        one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one)
    )
    return index_text(bare)


def as_vector(vector: Vectors) -> str:
    """Return a vector in pgvector's notation."""
    return "[" + ",".join(f"{number:.7g}" for number in vector) + "]"


def search(
    connection: Any,  # noqa: ANN401 - of an optional library
    person: str,
    words: str,
    vector: Vectors | None,
    *,
    emotion: str | None,
    limit: int,
    skip_recent: int,
    min_similarity: float,
    cut: Cut,
) -> list[Recalled]:
    """Return what the query finds, best first (see `Store.search`)."""

    def ids(statement: str, **more: object) -> list[int]:
        return [row[0] for row in connection.execute(statement, given | more)]

    given: dict[str, object] = {"person": person, "skip": skip_recent, "most": _CANDIDATES}
    recent = ids(_RECENT)
    given["recent"] = recent
    terms = query_terms(words_of(words).replace("  ", ""), cut)
    rankings, weights = [ids(_BY_WORDS, terms=terms) if terms else []], [ranking.WORDS]
    if vector is not None:
        near = ids(_BY_MEANING, vector=as_vector(vector), least=min_similarity)
        rankings.append(near)
        weights.append(ranking.MEANING)
    topical = {one for found in rankings for one in found}
    if emotion is not None:
        felt = ids(_BY_EMOTION, emotion=emotion)
        rankings.append([one for one in felt if one in topical] if words.strip() else felt)
        weights.append(ranking.MOOD)
    rankings.append(sorted(topical, reverse=True))
    weights.append(ranking.RECENCY)
    return _whole(connection, person, ranking.fuse(rankings, weights), recent, limit)


def _whole(
    connection: Any,  # noqa: ANN401 - as above
    person: str,
    ranked: list[tuple[int, float]],
    recent: list[int],
    limit: int,
) -> list[Recalled]:
    wanted = [memory_id for memory_id, _ in ranked] + recent
    rows = connection.execute(
        f"{SELECT} WHERE memory.person = %s AND memory.id = ANY(%s)", (person, wanted)
    ).fetchall()
    known = {row[0]: memory_of(row) for row in rows}
    seen = {known[memory_id].text for memory_id in recent if memory_id in known}
    found: list[Recalled] = []
    for memory_id, score in ranked:
        memory = known.get(memory_id)
        if memory is not None and memory.text not in seen and len(found) < limit:
            seen.add(memory.text)
            found.append(Recalled(memory, score))
    return found
