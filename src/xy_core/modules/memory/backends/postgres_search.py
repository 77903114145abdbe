"""How memories are found in PostgreSQL."""

from __future__ import annotations

import unicodedata
from typing import Any

from xy_core.modules.memory.backends.rows import SELECT, memory_of
from xy_core.modules.memory.query import Query, Vectors
from xy_core.modules.memory.ranking import rank, rarity
from xy_core.modules.memory.segment import Cut
from xy_core.modules.memory.terms import index_text, query_terms
from xy_core.modules.memory.types import Recalled

_CANDIDATES = 200
_RECENT = """
    SELECT id FROM memory WHERE person = %(person)s AND role IN ('user', 'assistant')
    ORDER BY id DESC LIMIT %(skip)s"""
_OWN = "person = %(person)s AND role IN ('user', 'fact') AND NOT id = ANY(%(recent)s)"
_HAVING = """
    SELECT term, (SELECT count(*) FROM memory WHERE words @@ phraseto_tsquery('english', term))
    FROM unnest(%(terms)s::text[]) AS term WHERE numnode(phraseto_tsquery('english', term)) > 0"""
_TOTAL = "SELECT count(*) FROM memory"
_BY_WORDS = f"""
    SELECT id, sum(rarity) FROM memory
    JOIN unnest(%(terms)s::text[], %(rarities)s::float8[]) AS asked (term, rarity)
        ON words @@ phraseto_tsquery('english', term)
    WHERE {_OWN} GROUP BY id
    ORDER BY sum(rarity) DESC, length(text), id DESC LIMIT %(most)s"""  # noqa: S608 - ours
_NEAR = f"""
    SELECT id FROM memory WHERE {_OWN} AND vector IS NOT NULL
        AND 1 - (vector <=> %(vector)s::vector) >= %(least)s
    ORDER BY vector <=> %(vector)s::vector LIMIT %(most)s"""  # noqa: S608 - ours
_BY_MEANING = f"""
    SELECT id, 1 - (vector <=> %(vector)s::vector) FROM memory
    WHERE vector IS NOT NULL AND (id = ANY(%(beside)s) OR id IN ({_NEAR}))"""  # noqa: S608 - ours
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
    query: Query,
    cut: Cut,
) -> list[Recalled]:
    """Return what the query finds, best first (see `Store.search`)."""
    given: dict[str, object] = {"person": person, "skip": query.skip_recent, "most": _CANDIDATES}
    recent = [row[0] for row in connection.execute(_RECENT, given)]
    given["recent"] = recent
    words = _by_words(connection, query.words, given, cut)
    meaning = None
    if query.vector is not None:
        asked = {"vector": as_vector(query.vector), "least": query.min_cosine}
        given |= asked | {"beside": [*words]}
        meaning = dict(connection.execute(_BY_MEANING, given).fetchall())
    felt: list[int] = []
    if query.emotion is not None:
        rows = connection.execute(_BY_EMOTION, given | {"emotion": query.emotion})
        felt = [row[0] for row in rows]
    if not query.words.strip() and query.vector is None:
        words = dict.fromkeys(felt, 0.0)
    ranked = rank(words, meaning, felt, query.unlike)
    return _whole(connection, person, ranked, recent, query.limit)


def _by_words(
    connection: Any,  # noqa: ANN401 - as above
    words: str,
    given: dict[str, object],
    cut: Cut,
) -> dict[int, float]:
    """Return the share of the query's words that memories have, the rarer the more."""
    terms = query_terms(words_of(words).replace("  ", ""), cut)
    if not terms:
        return {}
    having = dict(connection.execute(_HAVING, {"terms": terms}).fetchall())
    total = connection.execute(_TOTAL).fetchone()[0]
    rarities = {term: rarity(count, total) for term, count in having.items()}
    asked = {"terms": [*rarities], "rarities": [*rarities.values()]}
    rows = connection.execute(_BY_WORDS, given | asked).fetchall()
    most = sum(rarities.values())
    return {memory_id: told / most for memory_id, told in rows}


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
