"""Taking memories out of PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from xy_core.modules.memory.backends.postgres_connection import ids_of
from xy_core.modules.memory.query import Span
from xy_core.modules.memory.types import Retention

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
_OF_SPAN = "SELECT id FROM memory WHERE person = %s AND time >= %s AND time < %s"
_MOODS = "DELETE FROM mood WHERE person = %s AND time >= %s AND time < %s"
_MANY_MOODS = """
    DELETE FROM mood WHERE id IN (
        SELECT id FROM mood WHERE person = %s ORDER BY time DESC, id DESC OFFSET %s)"""
_OLD_TURNS = """
    SELECT id FROM memory WHERE person = %s AND role IN ('user', 'assistant') AND time < %s"""
_MANY_TURNS = """
    SELECT id FROM memory WHERE person = %s AND role IN ('user', 'assistant')
    ORDER BY id DESC OFFSET %s"""
_MANY_FACTS = """
    SELECT id FROM fact WHERE person = %s
    ORDER BY superseded IS NULL DESC, confirmed DESC, id DESC OFFSET %s"""


def delete(connection: Any, ids: Sequence[int]) -> int:  # noqa: ANN401 - of an optional library
    """Delete memories; returns how many there were."""
    deleted: int = connection.execute(
        "DELETE FROM memory WHERE id = ANY(%s)", (list(ids),)
    ).rowcount
    return deleted


def with_dependents(connection: Any, person: str, ids: Collection[int]) -> list[int]:  # noqa: ANN401 - as above
    """Return those ids that are the person's, and the facts that come from them, or led to them."""
    return ids_of(connection, _CLOSURE, {"person": person, "ids": list(ids)})


def of_span(connection: Any, person: str, span: Span) -> list[int]:  # noqa: ANN401 - as above
    """Return the ids of a person's memories of a span of time."""
    return ids_of(connection, _OF_SPAN, (person, span.since, span.until))


def forget_topics(connection: Any, person: str, ids: Sequence[int]) -> None:  # noqa: ANN401 - as above
    """Delete the moods whose topic quotes one of the memories."""
    connection.execute(_TOPICS, (list(ids), person))


def delete_moods(connection: Any, person: str, span: Span) -> int:  # noqa: ANN401 - as above
    """Delete the moods of a span of time; returns how many there were."""
    deleted: int = connection.execute(_MOODS, (person, span.since, span.until)).rowcount
    return deleted


def surplus_moods(connection: Any, person: str, most: int) -> None:  # noqa: ANN401 - as above
    """Let a person's oldest moods go when there are more than `most`."""
    connection.execute(_MANY_MOODS, (person, most))


def surplus(connection: Any, person: str, policy: Retention, now: float) -> list[int]:  # noqa: ANN401 - as above
    """Return the ids of memories that a policy does not keep."""
    gone: list[int] = []
    if policy.seconds is not None:
        gone += ids_of(connection, _OLD_TURNS, (person, now - policy.seconds))
    if policy.turns is not None:
        gone += ids_of(connection, _MANY_TURNS, (person, policy.turns))
    if policy.facts is not None:
        gone += ids_of(connection, _MANY_FACTS, (person, policy.facts))
    return gone
