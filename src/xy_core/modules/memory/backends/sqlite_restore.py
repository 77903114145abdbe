"""Taking exported memories into the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace

from xy_core.modules.memory.backends.moods import insert_mood_if_new
from xy_core.modules.memory.backends.sqlite_facts import Insert, add_details
from xy_core.modules.memory.types import FactDetails, Memory, MoodPoint

_SAME = "SELECT id FROM memory WHERE person = ? AND time = ? AND role = ? AND text = ?"


def restore(
    connection: sqlite3.Connection,
    memories: Sequence[Memory],
    moods: Sequence[MoodPoint],
    insert: Insert,
) -> int:
    """Write what is not there yet; ids and references hold among the memories only."""
    ids: dict[int, int] = {}
    fresh: list[Memory] = []
    for memory in memories:
        given = (memory.person, memory.time, memory.role, memory.text)
        row = connection.execute(_SAME, given).fetchone()
        if row is None:
            ids[memory.id] = insert(memory)
            fresh.append(memory)
        else:
            ids[memory.id] = row[0]
    for memory in fresh:
        if memory.details is not None:
            known = replace(memory, details=_translated(memory.details, ids))
            add_details(connection, known, ids[memory.id])
    return len(fresh) + sum(insert_mood_if_new(connection, point) for point in moods)


def _translated(details: FactDetails, ids: Mapping[int, int]) -> FactDetails:
    return replace(
        details,
        source=ids.get(details.source or 0),
        successor=ids.get(details.successor or 0),
    )
