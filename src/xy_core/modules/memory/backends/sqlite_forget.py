"""Taking memories out of the file for good."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable

from xy_core.modules.memory.query import Span
from xy_core.modules.memory.types import Retention

_TOPIC = 120
_DELETES = (
    "DELETE FROM word WHERE rowid = ?",
    "DELETE FROM fact WHERE id = ?",
    "UPDATE fact SET source = NULL WHERE source = ?",
    "UPDATE fact SET successor = NULL WHERE successor = ?",
    "DELETE FROM memory WHERE id = ?",
)
_OWN = "SELECT id FROM memory WHERE id = ? AND person = ?"
_DEPENDENT = "SELECT id FROM fact WHERE person = :person AND (source = :id OR successor = :id)"
_OF_PERSON = "SELECT id FROM memory WHERE person = ?"
_OF_SPAN = "SELECT id FROM memory WHERE person = ? AND time >= ? AND time < ?"
_TOPICS = """
    DELETE FROM mood WHERE person = :person AND topic != '' AND topic =
        (SELECT trim(substr(text, 1, :most)) FROM memory WHERE id = :id AND role = 'user')"""
_OLD_TURNS = "SELECT id FROM turn WHERE person = ? AND time < ?"
_MANY_TURNS = "SELECT id FROM turn WHERE person = ? ORDER BY id DESC LIMIT -1 OFFSET ?"
_MANY_FACTS = """
    SELECT id FROM fact WHERE person = ?
    ORDER BY superseded IS NULL DESC, confirmed DESC, id DESC LIMIT -1 OFFSET ?"""


def delete(connection: sqlite3.Connection, ids: Iterable[int]) -> None:
    """Delete memories, and whatever refers to them no longer does."""
    keys = [(memory_id,) for memory_id in ids]
    for statement in _DELETES:
        connection.executemany(statement, keys)


def of_person(connection: sqlite3.Connection, person: str) -> list[int]:
    """Return the ids of all of a person's memories."""
    return [row[0] for row in connection.execute(_OF_PERSON, (person,))]


def with_dependents(connection: sqlite3.Connection, person: str, ids: Collection[int]) -> list[int]:
    """Return those ids that are the person's, and the facts that come from them, or led to them."""
    found = [
        one for one in dict.fromkeys(ids) if connection.execute(_OWN, (one, person)).fetchone()
    ]
    seen = set(found)
    for memory_id in found:  # grows while it is read
        given = {"person": person, "id": memory_id}
        fresh = [row[0] for row in connection.execute(_DEPENDENT, given) if row[0] not in seen]
        seen.update(fresh)
        found += fresh
    return found


def of_span(connection: sqlite3.Connection, person: str, span: Span) -> list[int]:
    """Return the ids of a person's memories of a span of time."""
    return [row[0] for row in connection.execute(_OF_SPAN, (person, span.since, span.until))]


def forget_topics(connection: sqlite3.Connection, person: str, ids: Iterable[int]) -> None:
    """Delete the moods whose topic quotes one of the memories."""
    rows = [{"person": person, "id": memory_id, "most": _TOPIC} for memory_id in ids]
    connection.executemany(_TOPICS, rows)


def surplus(
    connection: sqlite3.Connection, person: str, policy: Retention, now: float
) -> list[int]:
    """Return the ids of memories that a policy does not keep."""
    asked: list[tuple[str, float]] = []
    if policy.seconds is not None:
        asked.append((_OLD_TURNS, now - policy.seconds))
    if policy.turns is not None:
        asked.append((_MANY_TURNS, policy.turns))
    if policy.facts is not None:
        asked.append((_MANY_FACTS, policy.facts))
    found: dict[int, None] = {}
    for statement, bound in asked:
        found |= {row[0]: None for row in connection.execute(statement, (person, bound))}
    return list(found)
